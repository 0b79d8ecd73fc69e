/** Backups in a folder: written beside, synced, renamed, the folder synced. Mode 0600. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { BackupStore } from "#ports";
import { NamedError } from "#std";
import { storeWhole } from "./write-whole.ts";

export function folderBackupStore({ folder }: { readonly folder: string }): BackupStore {
  const pathOf = (name: string): string => {
    if (name === "" || name.startsWith(".") || basename(name) !== name)
      throw new NamedError("BACKUP_NAME_INVALID", `Cannot store backup ${JSON.stringify(name)}: it is not a file name`);
    return join(folder, name);
  };
  return {
    list: () =>
      readdir(folder).catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code === "ENOENT") return [];
        throw thrown;
      }),
    async write(name, bytes) {
      const path = pathOf(name);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await storeWhole(path, bytes, join(folder, `.${name}.writing`));
    },
    async remove(name) {
      await rm(pathOf(name), { force: true });
    },
  };
}
