/** What the job says about restarting a task, every field set. nomad.md §1.4. */
import type { Job, Task, TaskGroup } from "#model";
import { roleOf, type RestartRules } from "#task";

export function restartRules(job: Pick<Job, "Type">, group: TaskGroup, task: Task): RestartRules {
  const batch = job.Type === "batch" || job.Type === "sysbatch";
  const policy = { ...dropNulls(group.RestartPolicy), ...dropNulls(task.RestartPolicy) };
  const role = roleOf(task);
  const once = role === "prestart" || role === "poststop" || (role === "poststart" && task.Lifecycle?.Sidecar !== true);
  return {
    attempts: policy.Attempts ?? (batch ? 3 : 2),
    intervalNs: policy.Interval ?? (batch ? 24 * 3600e9 : 1800e9),
    delayNs: policy.Delay ?? 15e9,
    mode: policy.Mode === "delay" ? "delay" : "fail",
    onSuccess: !batch && !once,
  };
}

function dropNulls(policy: TaskGroup["RestartPolicy"]): { Attempts?: number; Interval?: number; Delay?: number; Mode?: string } {
  return Object.fromEntries(Object.entries(policy ?? {}).filter(([, value]) => value !== null));
}
