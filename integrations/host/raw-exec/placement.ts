/**
 * Which control groups a raw_exec task is in. One of its own in the tree of membership, by which everything of it is found and
 * killed; one in each tree its limits need (v1), unless the job names groups of the operator's, which then do the limiting.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import type { TaskStart } from "#ports";
import { NamedError } from "#std";
import { makeGroup } from "../cgroup/group.ts";
import { membershipRoot, type Cgroups } from "../cgroup/hierarchy.ts";
import { applyLimits } from "../cgroup/limits.ts";
import type { RawExecConfig } from "./config.ts";

/** Host path of its own group in the tree of membership; "" without cgroups. Makes nothing. `relative`: below every tree's root. */
export function ownGroup(cgroups: Cgroups, relative: string, config: Pick<RawExecConfig, "cgroupV2">): string {
  if (!cgroups.writable) return "";
  if (cgroups.version !== "v2" || config.cgroupV2 === "") return path.join(membershipRoot(cgroups), relative);
  const foreign = beneath(cgroups.unified, config.cgroupV2, "cgroup_v2_override");
  return path.join(foreign, relative.split("/").filter(Boolean).join("-"));
}

/**
 * Makes the groups and writes the limits: the cgroup.procs files to join besides that of `group`, its own. A key for the other version
 * of cgroups says nothing here: one job file serves both.
 */
export function place(cgroups: Cgroups, group: string, relative: string, task: TaskStart, config: RawExecConfig): readonly string[] {
  if (group === "") return [];
  makeGroup(group);
  if (cgroups.version === "v2") return config.cgroupV2 === "" ? applyLimits(cgroups, relative, task) : [];
  const foreign = Object.entries(config.cgroupsV1);
  if (foreign.length === 0) return applyLimits(cgroups, relative, task);
  return foreign.map(([controller, wanted]) => foreignProcs(cgroups, controller, wanted));
}

function foreignProcs(cgroups: Cgroups, controller: string, wanted: string): string {
  const root = cgroups.controllers[controller];
  if (root === undefined) throw invalid(`cgroup_v1_override.${controller}`, `this machine has no such controller`);
  // On pure v1 membership is kept in one of the trees: a task moved out of it could not be found again.
  if (root === membershipRoot(cgroups)) throw invalid(`cgroup_v1_override.${controller}`, "the task is found again by its group there");
  return path.join(beneath(root, wanted, `cgroup_v1_override.${controller}`), "cgroup.procs");
}

/** The group is the operator's: it must be there. */
function beneath(root: string, wanted: string, key: string): string {
  const inside = wanted.startsWith(`${root}/`) ? wanted.slice(root.length) : wanted;
  const group = path.resolve(root, `.${path.posix.resolve("/", inside)}`);
  if (group === root) throw invalid(key, "it names the root of the tree");
  if (!existsSync(path.join(group, "cgroup.procs"))) throw invalid(key, `there is no cgroup "${group}"`);
  return group;
}

function invalid(key: string, problem: string): NamedError {
  return new NamedError("DRIVER_TASK_INVALID", `Cannot use config key "${key}": ${problem}`, { statusCode: 400 });
}
