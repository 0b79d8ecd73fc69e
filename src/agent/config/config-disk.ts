/** What the configuration needs of a disk. Everything at start and at SIGHUP, so it may block. */
import { accessSync, constants, lstatSync, readFileSync, readdirSync } from "node:fs";

export type DiskEntry = "missing" | "file" | "directory" | "symlink" | "other";

export interface ConfigDisk {
  /** Of the path itself: a symbolic link is not followed. */
  kind(path: string): DiskEntry;
  /** Follows symbolic links. */
  isDirectory(path: string): boolean;
  writable(path: string): boolean;
  /** Throws with Node's message when it cannot be read. */
  read(path: string): string;
  list(path: string): readonly string[];
}

export const machineConfigDisk: ConfigDisk = {
  kind(path) {
    try {
      const entry = lstatSync(path);
      return entry.isSymbolicLink() ? "symlink" : entry.isDirectory() ? "directory" : entry.isFile() ? "file" : "other";
    } catch (thrown) {
      // Below a file, or out of sight: nothing is there for us. What stands above it tells why.
      return ["ENOENT", "ENOTDIR", "EACCES"].includes((thrown as NodeJS.ErrnoException).code ?? "") ? "missing" : "other";
    }
  },
  isDirectory(path) {
    try {
      readdirSync(path);
      return true;
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code === "EACCES";
    }
  },
  writable(path) {
    try {
      accessSync(path, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false;
    }
  },
  read: (path) => readFileSync(path, "utf8"),
  list: (path) => readdirSync(path),
};
