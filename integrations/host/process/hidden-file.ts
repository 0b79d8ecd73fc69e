/** Text for a child that must not reach a disk, a command line or another process: an open file that has no name any more. */
import { randomUUID } from "node:crypto";
import { closeSync, constants, existsSync, openSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** An open descriptor, at its beginning; the caller closes it. In memory where the machine has /dev/shm. */
export function openHiddenText(text: string): number {
  const file = path.join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `.drover-${randomUUID()}`);
  const writer = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  let reader = -1;
  try {
    // Opened and unlinked before anything is in it: a killed agent leaves at most an empty file.
    reader = openSync(file, "r");
    unlinkSync(file);
    const data = Buffer.from(text);
    for (let done = 0; done < data.length;) done += writeSync(writer, data, done);
    return reader;
  } catch (error) {
    if (reader >= 0) closeSync(reader);
    throw error;
  } finally {
    closeSync(writer);
  }
}
