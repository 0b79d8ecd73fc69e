/** Counts, resources, disks, logs, time limits, signals. nomad.md §1.3, §1.8, §1.9. */
import { formatDuration } from "#std";
import type { Job, Task, TaskGroup } from "#model";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, jobPlace, problem, taskPlace, warning } from "./finding.ts";

const SIGNALS: ReadonlySet<string> = new Set(
  (
    "ABRT ALRM BUS CHLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG " +
    "USR1 USR2 VTALRM WINCH XCPU XFSZ"
  )
    .split(" ")
    .map((name) => `SIG${name}`),
);

export function* checkCounts({ job, context }: Admission): Iterable<Finding> {
  const total = job.TaskGroups.reduce((sum, group) => sum + Math.max(0, group.Count ?? 0), 0);
  if (total > context.countMax) {
    yield problem(jobPlace(job), "TaskGroups", `the groups' counts add up to ${total}, must be at most ${context.countMax}`);
  }
  for (const [g, group] of job.TaskGroups.entries()) {
    const place = groupPlace(job, g);
    const count = group.Count ?? 0;
    if (count < 0) yield problem(place, "Count", `count is ${count}, must be at least 0`);
    if (count > 1 && job.Type === "system") yield problem(place, "Count", `count is ${count}, must be 0 or 1 in a system job`);
    yield* checkScaling(place, group, job.Type);
  }
}

function* checkScaling(place: Place, group: TaskGroup, type: string): Iterable<Finding> {
  const scaling = group.Scaling;
  if (scaling === null) return;
  if (scaling.Type !== "horizontal")
    yield problem(place, "Scaling.Type", `scaling of a group is horizontal, not ${JSON.stringify(scaling.Type)}`);
  const count = group.Count ?? 0;
  const minimum = scaling.Min ?? 0;
  if (scaling.Max === null) {
    yield problem(place, "Scaling.Max", "scaling max is missing");
    return;
  }
  if (type === "system" && (minimum > 1 || scaling.Max > 1))
    yield problem(place, "Scaling.Max", `scaling of a system job's group is from 0 to 1, not ${minimum} to ${scaling.Max}`);
  if (minimum < 0) yield problem(place, "Scaling.Min", `scaling min is ${minimum}, must be at least 0`);
  if (scaling.Max < minimum) yield problem(place, "Scaling.Max", `scaling max is ${scaling.Max}, must be at least min, ${minimum}`);
  else if (count < minimum || count > scaling.Max)
    yield problem(place, "Count", `count is ${count}, must be within scaling's min and max, ${minimum} to ${scaling.Max}`);
}

/** Step: memory_max means something only where the cluster oversubscribes memory. */
export function* checkOversubscription({ job, context }: Admission): Iterable<Finding> {
  if (context.memoryOversubscription?.(job.NodePool) === true) return;
  for (const [g, group] of job.TaskGroups.entries()) {
    for (const [t, task] of group.Tasks.entries()) {
      if ((task.Resources?.MemoryMaxMB ?? 0) === 0) continue;
      const text = "memory oversubscription is not enabled: memory_max is kept but not used, memory is the limit";
      yield warning(taskPlace(job, g, t), "Resources.MemoryMaxMB", text);
    }
  }
}

export function* checkSizes({ job }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    const place = groupPlace(job, g);
    const disk = group.EphemeralDisk?.SizeMB ?? 0;
    if (disk < 10) yield problem(place, "EphemeralDisk.SizeMB", `ephemeral_disk size is ${disk} MB, must be at least 10`);
    if ((group.ShutdownDelay ?? 0) < 0)
      yield problem(place, "ShutdownDelay", `shutdown_delay is ${formatDuration(group.ShutdownDelay ?? 0)}, must be at least 0s`);
    for (const [t, task] of group.Tasks.entries()) {
      yield* checkResources(taskPlace(job, g, t), task);
      yield* checkTask(job, g, t, task, disk);
    }
  }
}

function* checkResources(place: Place, task: Task): Iterable<Finding> {
  const resources = task.Resources;
  if (resources === null) return;
  if (resources.Cores < 0) yield problem(place, "Resources.Cores", `cores is ${resources.Cores}, must be at least 0`);
  if (resources.Cores > 0 && resources.CPU !== 0) {
    yield problem(place, "Resources.Cores", `cpu is ${resources.CPU} MHz and cores ${resources.Cores}: ask for one of them`);
  } else if (resources.Cores === 0 && resources.CPU < 1)
    yield problem(place, "Resources.CPU", `cpu is ${resources.CPU} MHz, must be at least 1`);
  if (resources.MemoryMB < 10) yield problem(place, "Resources.MemoryMB", `memory is ${resources.MemoryMB} MB, must be at least 10`);
  if (resources.MemoryMaxMB < -1 || (resources.MemoryMaxMB > 0 && resources.MemoryMaxMB < resources.MemoryMB)) {
    yield problem(
      place,
      "Resources.MemoryMaxMB",
      `memory_max is ${resources.MemoryMaxMB} MB, must be at least memory, ${resources.MemoryMB} MB, or -1 for no limit`,
    );
  }
  if (resources.SecretsMB < 0) yield problem(place, "Resources.SecretsMB", `secrets is ${resources.SecretsMB} MB, must be at least 0`);
  if ((resources.DiskMB ?? 0) > 0)
    yield problem(place, "Resources.DiskMB", "disk in a task's resources is not supported: set ephemeral_disk in the group");
  if ((resources.IOPS ?? 0) > 0) yield warning(place, "Resources.IOPS", "iops is deprecated and not used: remove it");
}

function* checkTask(job: Job, g: number, t: number, task: Task, diskMB: number): Iterable<Finding> {
  const place = taskPlace(job, g, t);
  if (task.KillTimeout < 0) yield problem(place, "KillTimeout", `kill_timeout is ${formatDuration(task.KillTimeout)}, must be at least 0s`);
  if (task.ShutdownDelay < 0)
    yield problem(place, "ShutdownDelay", `shutdown_delay is ${formatDuration(task.ShutdownDelay)}, must be at least 0s`);
  if (task.KillSignal !== "" && !SIGNALS.has(task.KillSignal)) {
    const upper = `SIG${task.KillSignal.toUpperCase().replace(/^SIG/, "")}`;
    const hint = SIGNALS.has(upper) ? `, did you mean ${JSON.stringify(upper)}?` : ", must be one such as SIGINT or SIGTERM";
    yield problem(place, "KillSignal", `kill_signal is ${JSON.stringify(task.KillSignal)}${hint}`);
  }
  const logs = task.LogConfig;
  if (logs === null || logs.Disabled) return;
  if (logs.MaxFiles < 1) yield problem(place, "LogConfig.MaxFiles", `logs max_files is ${logs.MaxFiles}, must be at least 1`);
  if (logs.MaxFileSizeMB < 1)
    yield problem(place, "LogConfig.MaxFileSizeMB", `logs max_file_size is ${logs.MaxFileSizeMB} MB, must be at least 1`);
  const used = logs.MaxFiles * logs.MaxFileSizeMB;
  if (used >= diskMB)
    yield problem(place, "LogConfig", `logs can grow to ${used} MB, must stay below the group's ephemeral_disk, ${diskMB} MB`);
}
