/** What is mounted where, from /proc/self/mountinfo. */
import { readFileSync } from "node:fs";
import { NamedError } from "#std";
import { run } from "../process/run.ts";

export interface Mount {
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  readonly device: string;
}

/** In the order they were mounted. */
export function parseMountInfo(text: string): Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const fields = before.split(" ");
      const [type = "", source = ""] = after.split(" ");
      return { mountPoint: unescapeOctal(fields[4] ?? ""), device: fields[2] ?? "", type, source: unescapeOctal(source) };
    });
}

export function mounts(): Mount[] {
  try {
    return parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8"));
  } catch {
    return [];
  }
}

/** Mount points at or below a directory, innermost and latest first: the order to unmount in. */
export function mountPointsBelow(directory: string, all: readonly Mount[] = mounts()): string[] {
  return all
    .map((mount) => mount.mountPoint)
    .filter((point) => point === directory || point.startsWith(`${directory}/`))
    .reverse();
}

/** Takes away everything mounted at or below the directory; what is busy is detached and goes when its last user does. */
export async function unmountBelow(directory: string): Promise<void> {
  for (const point of mountPointsBelow(directory)) {
    const plain = await run("umount", ["--", point]);
    if (plain.exitCode === 0) continue;
    const lazy = await run("umount", ["-l", "--", point]);
    if (lazy.exitCode === 0 || !mountPointsBelow(directory).includes(point)) continue;
    throw new NamedError("DISK_UNMOUNT_FAILED", `Cannot unmount "${point}": ${lazy.stderr.trim()}`);
  }
}

/** Spaces and the like are written as \040. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
