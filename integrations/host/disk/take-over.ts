/**
 * The data of one allocation becomes another's: alloc/data and each task's local/, renamed one after the other. A rename is whole or
 * not done; when one fails, those before it are undone. A directory that is gone was moved by an agent that was killed.
 */
import { chmodSync, lstatSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { NamedError, messageOf } from "#std";

export function takeOver(from: string, to: string, tasks: readonly string[]): void {
  const moves = ["alloc/data", ...tasks.map((task) => `${task}/local`)];
  const done: string[] = [];
  try {
    for (const each of moves) {
      const source = path.join(from, each);
      const target = path.join(to, each);
      if (!isOwnDirectory(from, each)) continue;
      mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
      renameSync(source, target);
      done.push(each);
    }
  } catch (error) {
    const undone = undo(from, to, done);
    throw new NamedError("DISK_MOVE_FAILED", `Cannot move the data of "${path.basename(from)}": ${messageOf(error)}${undone}`);
  }
}

/** False when there is nothing. A link in its place would let a task have another's directory: refused. */
function isOwnDirectory(root: string, inside: string): boolean {
  let here = root;
  for (const part of ["", ...inside.split("/")]) {
    here = path.join(here, part);
    try {
      if (!lstatSync(here).isDirectory()) throw new Error(`"${inside}" is no directory`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  }
  return true;
}

/** What to add to the message. */
function undo(from: string, to: string, done: readonly string[]): string {
  try {
    for (const each of done.toReversed()) {
      renameSync(path.join(to, each), path.join(from, each));
      // The new one has it, empty.
      mkdirSync(path.join(to, each), { recursive: true });
      chmodSync(path.join(to, each), 0o777);
    }
    return "";
  } catch (error) {
    return `; what was moved could not be moved back: ${messageOf(error)}`;
  }
}
