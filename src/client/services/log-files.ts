/** The rotated files of one stream as one long text. Pure. nomad.md §2.7. */
import type { FileInformation } from "#ports";

export interface LogFile {
  readonly path: string;
  readonly number: number;
  readonly size: number;
}

export const LOGS_DIRECTORY = "alloc/logs";

/** `<task>.<type>.<n>`, lowest number (oldest) first. */
export function logFiles(entries: readonly FileInformation[], task: string, type: string): LogFile[] {
  const prefix = `${task}.${type}.`;
  return entries
    .filter((entry) => !entry.IsDir && entry.Name.startsWith(prefix) && /^\d+$/.test(entry.Name.slice(prefix.length)))
    .map((entry) => ({ path: `${LOGS_DIRECTORY}/${entry.Name}`, number: Number(entry.Name.slice(prefix.length)), size: entry.Size }))
    .toSorted((a, b) => a.number - b.number);
}

/** Where reading begins: a file and a byte in it. Undefined when there is no file yet. Offsets beyond an end stop there. */
export function logPosition(
  files: readonly LogFile[],
  origin: "start" | "end",
  offset: number,
): { readonly number: number; readonly offset: number } | undefined {
  const first = files[0];
  const last = files.at(-1);
  if (first === undefined || last === undefined) return undefined;
  if (origin === "start") {
    let rest = offset;
    for (const file of files) {
      if (rest < file.size || file === last) return { number: file.number, offset: Math.min(rest, file.size) };
      rest -= file.size;
    }
  }
  let rest = offset;
  for (const file of files.toReversed()) {
    if (rest <= file.size) return { number: file.number, offset: file.size - rest };
    rest -= file.size;
  }
  return { number: first.number, offset: 0 };
}
