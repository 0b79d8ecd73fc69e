/**
 * Functions that read the disk, for a person at a terminal: paths begin at the job file's folder. A server parses for
 * others: there the same names refuse.
 */
import { globSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, posix, resolve } from "node:path";
import { define, FunctionFailure, type FunctionTable, type HclFunction } from "../scope.ts";
import { compareText } from "../value.ts";

/** A job file holds text: more is a mistake. */
const BYTES_MAX = 16 * 1024 * 1024;

export function fileFunctions(folder: string): FunctionTable {
  const at = (path: string): string => (isAbsolute(expand(path)) ? expand(path) : join(folder, path));
  return new Map([
    ["abspath", define(["path: string"], (path: string) => resolve(path))],
    ["basename", define(["path: string"], (path: string) => (path === "" ? "." : basename(path) || "/"))],
    ["dirname", define(["path: string"], (path: string) => dirname(path))],
    ["file", define(["path: string"], (path: string) => decode(read(at(path), path), path))],
    ["filebase64", define(["path: string"], (path: string) => read(at(path), path).toString("base64"))],
    ["fileexists", define(["path: string"], (path: string) => exists(at(path), path))],
    ["fileset", define(["path: string", "pattern: string"], (path: string, pattern: string) => filesIn(at(path), pattern))],
    ["pathexpand", define(["path: string"], expand)],
  ]);
}

/** The same names, each saying why not. */
export function refusedFileFunctions(): FunctionTable {
  const refuse = (): never => {
    throw new FunctionFailure("filesystem functions are disabled here; parse the file with the CLI");
  };
  const refused: HclFunction = define([], refuse, "args: any?");
  return new Map([...fileFunctions("/").keys()].map((name) => [name, refused]));
}

function expand(path: string): string {
  return path === "~" || path.startsWith("~/") ? homedir() + path.slice(1) : path;
}

function read(path: string, written: string): Buffer {
  try {
    if (statSync(path).size > BYTES_MAX) throw new FunctionFailure(`"${written}" is larger than ${BYTES_MAX / 1024 / 1024} MB`, 0);
    return readFileSync(path);
  } catch (thrown) {
    if (thrown instanceof FunctionFailure) throw thrown;
    const { code } = thrown as { code?: string };
    const why =
      code === "ENOENT" ? "no such file" : code === "EISDIR" ? "it is a directory" : code === "EACCES" ? "permission denied" : String(code);
    throw new FunctionFailure(`cannot read "${written}": ${why}; looked at ${path}`, 0);
  }
}

function decode(bytes: Buffer, written: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FunctionFailure(`"${written}" is not UTF-8 text; filebase64 reads any bytes`, 0);
  }
}

function exists(path: string, written: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (!found.isFile()) throw new FunctionFailure(`"${written}" is not a regular file`, 0);
  return true;
}

function filesIn(folder: string, pattern: string): string[] {
  const found = globSync(pattern, { cwd: folder }).filter(
    (path) => statSync(join(folder, path), { throwIfNoEntry: false })?.isFile() === true,
  );
  return found.map((path) => path.split("\\").join(posix.sep)).sort(compareText);
}
