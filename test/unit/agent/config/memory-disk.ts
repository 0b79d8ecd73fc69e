/** A disk of a few files, for configuration tests. */
import type { ConfigDisk, DiskEntry } from "../../../../src/agent/config/config-disk.ts";

export interface MemoryEntry {
  readonly kind: DiskEntry;
  readonly text?: string;
  readonly writable?: boolean;
}

/** Absolute path → entry; folders above a file exist by themselves. */
export function memoryDisk(entries: Readonly<Record<string, string | MemoryEntry>>): ConfigDisk {
  const all = new Map<string, MemoryEntry>([["/", { kind: "directory", writable: true }]]);
  for (const [path, entry] of Object.entries(entries)) {
    for (let above = path.slice(0, path.lastIndexOf("/")); above !== ""; above = above.slice(0, above.lastIndexOf("/"))) {
      if (!all.has(above)) all.set(above, { kind: "directory", writable: true });
    }
    all.set(path, typeof entry === "string" ? { kind: "file", text: entry } : entry);
  }
  return {
    kind: (path) => all.get(path)?.kind ?? "missing",
    isDirectory: (path) => all.get(path)?.kind === "directory",
    writable: (path) => all.get(path)?.writable !== false,
    read: (path) => {
      const text = all.get(path)?.text;
      if (text === undefined) throw new Error(`EACCES: permission denied, open '${path}'`);
      return text;
    },
    list: (path) =>
      [...all.keys()]
        .filter((each) => each.startsWith(`${path}/`) && !each.slice(path.length + 1).includes("/"))
        .map((each) => each.slice(path.length + 1)),
  };
}
