/**
 * The key that seals secrets in the node's memory: `<directory>/sealing-key`, mode 0600, made at first use. Whoever copies the memory (a backup
 * of state.db, a disk image of it) without this file has nothing; it is not worth backing up: what it seals is fetched anew.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { messageOf, NamedError } from "#std";
import { writeWhole } from "./write-whole.ts";

const KEY_BYTES = 32;

/** 32 bytes. One that is damaged is put aside and another made. Throws NamedError SEALING_KEY_UNUSABLE when it cannot be read or written. */
export function hostSealingKey(directory: string): Uint8Array {
  const path = join(directory, "sealing-key");
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = readKey(path);
    if (found !== undefined) return found;
    const key = randomBytes(KEY_BYTES);
    writeWhole(path, `${key.toString("base64")}\n`);
    return key;
  } catch (thrown) {
    throw new NamedError("SEALING_KEY_UNUSABLE", `Cannot open the node's sealing key "${path}": ${messageOf(thrown)}`, {
      cause: thrown,
      fix: "Check that data_dir is writable by the agent and has space left",
    });
  }
}

function readKey(path: string): Uint8Array | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
  const key = Buffer.from(text.trim(), "base64");
  if (key.length === KEY_BYTES) return key;
  renameSync(path, `${path}.unreadable`);
  return undefined;
}
