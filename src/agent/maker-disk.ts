/** The few files the cluster keeps about itself below its data directory, written whole or not at all. */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { MakerDisk } from "#cluster";
import { storeWhole } from "#integrations/host";

export function makerDisk(directory: string): MakerDisk {
  return {
    async read(path) {
      try {
        return await readFile(join(directory, path), "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    async write(path, text) {
      const target = join(directory, path);
      await mkdir(dirname(target), { recursive: true });
      await storeWhole(target, text, `${target}.new`);
    },
  };
}
