/** The client's own writing into an allocation: whole or not at all, beneath the root, whatever a task does to the path meanwhile. */
import { closeSync, constants, fchmodSync, fchownSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { randomUUID } from "node:crypto";
import path from "node:path";
import type { DiskWrite } from "#ports";
import { NamedError } from "#std";
import { findUser } from "../process/user.ts";
import { openBeneath, wrongKind, type OpenedPath } from "./beneath.ts";

export async function writeBeneath(root: string, request: DiskWrite): Promise<void> {
  const owner = request.user === "" ? undefined : await findUser(request.user);
  const name = path.posix.basename(request.path);
  if (name === "" || name === "." || name === "..") throw wrongKind(request.path, "a file's name");
  const parent = openParent(root, path.posix.dirname(request.path));
  try {
    const temporary = `${parent.handle}/.${name.slice(0, 200)}.${randomUUID().slice(0, 8)}`;
    const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      const data = typeof request.data === "string" ? Buffer.from(request.data) : request.data;
      for (let done = 0; done < data.length;) done += writeSync(fd, data, done);
      if (owner !== undefined && process.getuid?.() === 0) fchownSync(fd, owner.uid, owner.gid);
      fchmodSync(fd, request.mode);
      // A link in the file's place is replaced, not followed.
      renameSync(temporary, `${parent.handle}/${name}`);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
  } finally {
    parent.close();
  }
}

/** Makes what is missing of the directories, one at a time, each below one that is held open. */
function openParent(root: string, wanted: string): OpenedPath {
  const parts = wanted.split("/").filter((part) => part !== "" && part !== ".");
  for (let made = 0; ; made++) {
    try {
      const opened = openBeneath(root, wanted);
      if (opened.stats.isDirectory()) return opened;
      opened.close();
      throw wrongKind(wanted, "a directory");
    } catch (error) {
      if (!(error instanceof NamedError) || error.code !== "FILE_NOT_FOUND" || made > parts.length) throw error;
      makeFirstMissing(root, parts);
    }
  }
}

function makeFirstMissing(root: string, parts: readonly string[]): void {
  for (let count = 1; count <= parts.length; count++) {
    const above = openBeneath(root, parts.slice(0, count - 1).join("/"));
    try {
      try {
        openBeneath(root, parts.slice(0, count).join("/")).close();
      } catch (error) {
        if (!(error instanceof NamedError) || error.code !== "FILE_NOT_FOUND") throw error;
        mkdirSync(`${above.handle}/${parts[count - 1]}`, { mode: 0o755 });
        return;
      }
    } finally {
      above.close();
    }
  }
}
