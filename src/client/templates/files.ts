/** Rendered text in its place on disk: written when it differs from what lies there, whole or not at all. */
import type { Disk } from "#ports";
import { bytesOf } from "#std";
import { RENDERED_BYTES_MAX } from "#template";
import type { PreparedTemplate } from "./task-templates.ts";

/** What lies there now; undefined: nothing, or nothing that could be read. */
export async function readRendered(disk: Disk, { destination }: PreparedTemplate): Promise<Uint8Array | undefined> {
  try {
    return await disk.readWhole(destination.root, destination.path, RENDERED_BYTES_MAX);
  } catch {
    return undefined;
  }
}

/** Whether anything had to be written. Rejects as the disk does. */
export async function writeRendered(disk: Disk, template: PreparedTemplate, text: string): Promise<boolean> {
  const before = await readRendered(disk, template);
  const bytes = bytesOf(text);
  if (before !== undefined && Buffer.compare(bytes, before) === 0) return false;
  const { destination, mode, owner } = template;
  await disk.write(destination.root, { path: destination.path, data: bytes, mode, user: owner });
  return true;
}
