/** When a periodic job runs next. nomad.md §4.4 (job run, job status). */
import { periodicActive, type Job } from "#model";
import { parseCron } from "#std";
import type { Context } from "./command.ts";
import { fromNow, localRfc3339 } from "./render/time.ts";
import type { NamedJob } from "./named-job.ts";

/** Milliseconds; undefined: never, it is not periodic, stopped or switched off. Of several crons the earliest. */
export function nextLaunchMs(job: Pick<Job, "Periodic" | "ParameterizedJob" | "Dispatched" | "Stop">, nowMs: number): number | undefined {
  const { Periodic } = job;
  if (Periodic === null || !periodicActive(job)) return undefined;
  const crons = Periodic.Specs.length > 0 ? Periodic.Specs : [Periodic.Spec];
  const times = crons.flatMap((cron) => parseCron(cron, Periodic.TimeZone).next(nowMs) ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** "2006-01-02T15:04:05Z (1h2m from now)" */
export function launchText(ms: number, nowMs: number): string {
  return `${localRfc3339(new Date(ms))} (${fromNow(ms, nowMs)})`;
}

/** Of a job just registered; nothing when time launches nothing of it. */
export async function tellNextLaunch(context: Context, { namespace, id }: NamedJob): Promise<void> {
  const { value: job } = await context.api.jobs.read(id, { namespace });
  const nextMs = nextLaunchMs(job, context.nowMs());
  if (nextMs !== undefined) context.terminal.print(`Approximate next launch time: ${launchText(nextMs, context.nowMs())}`);
}
