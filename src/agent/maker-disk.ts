/** The few files the cluster keeps about itself below its data directory, written whole or not at all. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { MakerDisk } from "#cluster";

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
      const temporary = `${target}.new`;
      const file = await open(temporary, "w", 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
      const folder = await open(dirname(target));
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    },
  };
}
