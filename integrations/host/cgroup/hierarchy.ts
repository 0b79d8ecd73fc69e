/**
 * Where control groups are on this machine: v2 (one tree), v1 (a tree a controller), hybrid (v1 trees, and a v2 tree without
 * controllers at unified/), or none. Everything else asks here, so both worlds can be tested from fixture directories.
 */
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import path from "node:path";

export interface Cgroups {
  readonly version: "v2" | "hybrid" | "v1" | "none";
  /** Root of the v2 tree, "" without one. */
  readonly unified: string;
  /** v1: controller → root of its tree. Empty in v2. */
  readonly controllers: Readonly<Record<string, string>>;
  /** May we make groups? */
  readonly writable: boolean;
}

export const CGROUP_MOUNT = "/sys/fs/cgroup";

export function detectCgroups(mount: string = CGROUP_MOUNT): Cgroups {
  if (existsSync(path.join(mount, "cgroup.controllers"))) {
    return { version: "v2", unified: mount, controllers: {}, writable: mayWrite(mount) };
  }
  const unified = path.join(mount, "unified");
  const hasUnified = existsSync(path.join(unified, "cgroup.procs"));
  const controllers: Record<string, string> = {};
  for (const name of listed(mount)) {
    if (name === "unified" || !existsSync(path.join(mount, name, "cgroup.procs"))) continue;
    for (const controller of name.split(",")) controllers[controller] = path.join(mount, name);
  }
  if (!hasUnified && Object.keys(controllers).length === 0) return { version: "none", unified: "", controllers: {}, writable: false };
  const probe = hasUnified ? unified : (controllers["freezer"] ?? (Object.values(controllers)[0] as string));
  return { version: hasUnified ? "hybrid" : "v1", unified: hasUnified ? unified : "", controllers, writable: mayWrite(probe) };
}

/** The tree in which membership of a task is kept: unified where there is one, else the freezer's or any other. */
export function membershipRoot(cgroups: Cgroups): string {
  return cgroups.unified !== "" ? cgroups.unified : (cgroups.controllers["freezer"] ?? cgroups.controllers["pids"] ?? "");
}

/** All trees, each once. */
export function treeRoots(cgroups: Cgroups): string[] {
  return [...new Set([...Object.values(cgroups.controllers), ...(cgroups.unified === "" ? [] : [cgroups.unified])])];
}

function mayWrite(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
