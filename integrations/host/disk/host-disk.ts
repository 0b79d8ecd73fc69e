/** The disk port on this machine's file system. */
import { lstatSync, readdirSync, statfsSync } from "node:fs";
import path from "node:path";
import type { Disk } from "#ports";
import { childDirectories, makeAllocation, makeTask, removeAllocation, removeSecrets } from "./layout.ts";
import { takeOver } from "./take-over.ts";
import { listFiles, readFrames, readWhole, statFile, watchPath } from "./reading.ts";
import { writeBeneath } from "./writing.ts";

export function hostDisk(): Disk {
  return {
    makeAllocation: async (directory) => makeAllocation(directory),
    makeTask,
    removeSecrets,
    removeAllocation,
    takeOver: async (from, to, tasks) => takeOver(from, to, tasks),
    listDirectories: async (directory) => childDirectories(directory),
    list: async (root, wanted) => listFiles(root, wanted),
    stat: async (root, wanted) => statFile(root, wanted),
    read: readFrames,
    watch: watchPath,
    write: writeBeneath,
    readWhole: async (root, wanted, maxBytes) => readWhole(root, wanted, maxBytes),
    usage: async (directory) => {
      const found = statfsSync(directory);
      return {
        totalBytes: found.blocks * found.bsize,
        availableBytes: found.bavail * found.bsize,
        usedBytes: (found.blocks - found.bfree) * found.bsize,
        totalInodes: found.files,
        freeInodes: found.ffree,
      };
    },
    treeBytes: async (root) => treeBytes(root),
  };
}

/** Blocks really taken, so that a sparse file counts as little as it costs. */
function treeBytes(file: string): number {
  try {
    const stats = lstatSync(file);
    const below = stats.isDirectory() ? readdirSync(file).reduce((sum, name) => sum + treeBytes(path.join(file, name)), 0) : 0;
    return stats.blocks * 512 + below;
  } catch {
    return 0;
  }
}
