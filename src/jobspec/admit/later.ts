/**
 * Blocks a job file may hold whose runtime this version does not have yet. One table: a row is refused by name, with what to do
 * today. Nothing is ignored in silence.
 *
 * When a feature lands, its row goes. Nothing else knows that it was missing.
 */
import type { Job, Task, TaskGroup } from "#model";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, jobPlace, problem, taskPlace } from "./finding.ts";

interface Row<Noun> {
  /** As the author writes it. */
  readonly what: string;
  /** Wire field, for the path. */
  readonly field: string;
  readonly present: (noun: Noun) => boolean;
  /** What can be done today. */
  readonly instead: string;
}

const JOB_REFUSED: readonly Row<Job>[] = [
  { what: `block "multiregion"`, field: "Multiregion", present: (job) => job.Multiregion !== null, instead: "run the job in each region" },
];

const GROUP_REFUSED: readonly Row<TaskGroup>[] = [
  {
    what: `block "volume"`,
    field: "Volumes",
    present: (group) => Object.keys(group.Volumes).length > 0,
    instead: "keep data in the allocation directory, or let a raw_exec task use a path of the host",
  },
];

const TASK_REFUSED: readonly Row<Task>[] = [
  {
    what: `block "artifact"`,
    field: "Artifacts",
    present: (task) => task.Artifacts.length > 0,
    instead: "fetch it in the task's command, or put the file on the machine",
  },
  {
    what: `block "volume_mount"`,
    field: "VolumeMounts",
    present: (task) => task.VolumeMounts.length > 0,
    instead: "keep data in the allocation directory, or let a raw_exec task use a path of the host",
  },
  { what: `block "csi_plugin"`, field: "CSIPluginConfig", present: (task) => task.CSIPluginConfig !== null, instead: "take the block out" },
  { what: `block "schedule"`, field: "Schedule", present: (task) => task.Schedule !== null, instead: "start and stop the job from cron" },
  {
    what: `resources block "numa"`,
    field: "Resources.NUMA",
    present: (task) => !["", "none"].includes(task.Resources?.NUMA?.Affinity ?? ""),
    instead: `leave it out, or use affinity = "none"`,
  },
];

/** Step: refuse what would run differently without the block. */
export function* checkLater({ job }: Admission): Iterable<Finding> {
  yield* apply(jobPlace(job), job, JOB_REFUSED);
  for (const [g, group] of job.TaskGroups.entries()) {
    yield* apply(groupPlace(job, g), group, GROUP_REFUSED);
    for (const [t, task] of group.Tasks.entries()) yield* apply(taskPlace(job, g, t), task, TASK_REFUSED);
  }
}

function* apply<Noun>(place: Place, noun: Noun, refused: readonly Row<Noun>[]): Iterable<Finding> {
  for (const row of refused) {
    if (row.present(noun)) yield problem(place, row.field, `${row.what} is not supported by this version of Drover yet: ${row.instead}`);
  }
}
