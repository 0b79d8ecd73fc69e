/** What changes from one version of a job to the next, as `job plan` and `job history -p` show it. nomad.md §3.3, §4.4. */
import type { TSchema } from "typebox";
import { type DiffType, Job, type JobDiff, Task, type TaskDiff, TaskGroup, type TaskGroupDiff, sameValue } from "#model";
import { type DiffOptions, type Noun, diffNoun, isChanged } from "./diff-noun.ts";

const JOB_APART = ["ID", "TaskGroups"];
/** The job's own have been merged into the groups, which show them: field of the job, object of a group. */
const MERGED = [
  ["Update", "Update"],
  ["Migrate", "Migrate"],
  ["Reschedule", "ReschedulePolicy"],
] as const;
const GROUP_APART = new Set(["Name", "Tasks"]);
const TASK_APART = new Set(["Name"]);

/**
 * Both canonical; `old` null: the job is new. Groups and tasks are all listed, sorted by name, unchanged ones with type None.
 * Annotations and Updates are empty until annotateDiff. Pure.
 */
export function diffJobs(old: Job | null, next: Job, options: { readonly contextual: boolean }): JobDiff {
  const before = (old ?? undefined) as Noun | undefined;
  const groups = byName(old?.TaskGroups, next.TaskGroups).map(([a, b]) => diffGroups(a, b, options));
  const shown = (object: string) => old === null || groups.some((group) => group.Objects.some(({ Name }) => Name === object));
  const merged = MERGED.filter(([, object]) => shown(object)).map(([field]) => field);
  const own = diffNoun(Job, before, next as Noun, { ...options, apart: new Set([...JOB_APART, ...merged]) });
  const changed = isChanged(own) || groups.some((group) => group.Type !== "None");
  return { Type: old === null ? "Added" : changed ? "Edited" : "None", ID: next.ID, ...own, TaskGroups: groups };
}

function diffGroups(old: TaskGroup | undefined, next: TaskGroup | undefined, options: DiffOptions): TaskGroupDiff {
  const own = diffNoun(TaskGroup, old as Noun | undefined, next as Noun | undefined, { ...options, apart: GROUP_APART });
  const tasks = byName(old?.Tasks, next?.Tasks).map(([a, b]) => {
    const follows = followsGroup(a, old) && followsGroup(b, next);
    return diffTasks(a, b, options, follows);
  });
  const changed = isChanged(own) || tasks.some((task) => task.Type !== "None");
  return { Type: typeOf(old, next, changed), Name: (next ?? old)?.Name ?? "", ...own, Tasks: tasks, Updates: {} };
}

/** A task that restarts as its group says: the group shows how, once. */
function followsGroup(task: Task | undefined, group: TaskGroup | undefined): boolean {
  return task === undefined || sameValue(task.RestartPolicy, group?.RestartPolicy ?? null);
}

function diffTasks(old: Task | undefined, next: Task | undefined, options: DiffOptions, follows: boolean): TaskDiff {
  const own = diffNoun(Task as TSchema, old as Noun | undefined, next as Noun | undefined, { ...options, apart: TASK_APART });
  const Objects = follows ? own.Objects.filter((object) => object.Name !== "RestartPolicy") : own.Objects;
  return { Type: typeOf(old, next, isChanged(own)), Name: (next ?? old)?.Name ?? "", ...own, Objects, Annotations: [] };
}

function typeOf(old: unknown, next: unknown, changed: boolean): DiffType {
  return old === undefined ? "Added" : next === undefined ? "Deleted" : changed ? "Edited" : "None";
}

function byName<T extends { readonly Name: string }>(
  old: readonly T[] = [],
  next: readonly T[] = [],
): readonly (readonly [old: T | undefined, next: T | undefined])[] {
  const before = new Map(old.map((each) => [each.Name, each]));
  const after = new Map(next.map((each) => [each.Name, each]));
  return [...new Set([...before.keys(), ...after.keys()])].sort().map((name) => [before.get(name), after.get(name)] as const);
}
