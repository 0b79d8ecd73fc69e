/** Finds programs on PATH. */
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Where the program is; undefined when it is not on the search path (sbin is always searched, as for root). */
export function findExecutable(name: string, searchPath: string = process.env["PATH"] ?? ""): string | undefined {
  if (name.includes("/")) return isExecutable(name) ? name : undefined;
  return [...searchPath.split(":"), ...DEFAULT_PATH.split(":")]
    .filter((directory) => path.isAbsolute(directory))
    .map((directory) => path.join(directory, name))
    .find(isExecutable);
}
