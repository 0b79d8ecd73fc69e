/**
 * Follows a deployment until it has ended, telling how it goes. nomad.md §4.4 (job run), §6.10.
 *
 *   running, paused ──► told again at every change: a moving picture on a terminal, one line a changed group anywhere else
 *   successful      ──► 0
 *   failed          ──► 1, after the version that is rolled back to has been followed too, and the reason has been told
 *   cancelled       ──► 1
 */
import type { AllocationStub } from "#api/contract";
import { awaitsPromotion, deploymentActive, type Deployment } from "#model";
import type { Context } from "./command.ts";
import { deploymentText } from "./render/deployment.ts";
import { localRfc3339 } from "./render/time.ts";

export interface DeploymentMonitor {
  readonly verbose: boolean;
  /** At least so long between two looks; default 0: at once when something changes. */
  readonly pauseMs?: number;
}

/** How long a poll of the servers waits for a change. */
const POLL_WAIT_MS = 5_000;
/** On a terminal the clock in the picture should move. */
const PICTURE_WAIT_MS = 1_000;
/** The rollback is committed together with the failure; its deployment comes with the next plan. */
const ROLLBACK_POLLS_MAX = 5;
const REASONS_SHOWN_MAX = 3;

export async function monitorDeployment(context: Context, deploymentId: string, options: DeploymentMonitor): Promise<number> {
  const { terminal } = context;
  const stamp = () => localRfc3339(new Date(context.nowMs()));
  const announce = (text: string) => terminal.print(terminal.colours.bold(`==> ${stamp()}: ${text}`));
  const name = JSON.stringify(options.verbose ? deploymentId : deploymentId.slice(0, 8));
  announce(`Monitoring deployment ${name}`);

  const ended = await untilEnded(context, deploymentId, options);
  const style = { verbose: options.verbose, colours: terminal.colours, ofJob: true };
  // A picture drawn for the last time stays as it is.
  if (terminal.interactive) terminal.picture(indented(deploymentText(ended, style)));
  else terminal.print(indented(deploymentText(ended, style)));
  if (ended.Status === "successful") {
    announce(`Deployment ${name} successful`);
    return 0;
  }
  announce(`Deployment ${name} ${ended.Status}: ${ended.StatusDescription}`);
  if (ended.Status === "failed") {
    await tellReasons(context, ended, (id) => (options.verbose ? id : id.slice(0, 8)));
    const rollback = await rollbackOf(context, ended);
    if (rollback !== undefined) await monitorDeployment(context, rollback.ID, options);
  }
  return 1;
}

/** The deployment as it ended. */
async function untilEnded(context: Context, id: string, options: DeploymentMonitor): Promise<Deployment> {
  const { terminal } = context;
  const told = new Map<string, string>();
  let promotionTold = false;
  let index = 0;
  for (;;) {
    context.interrupted.throwIfAborted();
    const { value: deployment, index: next } = await context.api.deployments.read(id, {
      signal: context.interrupted,
      ...(index === 0 ? {} : { index, waitMs: terminal.interactive ? PICTURE_WAIT_MS : POLL_WAIT_MS }),
    });
    index = next;
    if (!deploymentActive(deployment)) return deployment;
    if (terminal.interactive) {
      const text = deploymentText(deployment, { verbose: options.verbose, colours: terminal.colours, ofJob: true });
      terminal.picture(indented(`${localRfc3339(new Date(context.nowMs()))}\n${text}`));
    } else {
      for (const [about, line] of changesOf(deployment)) {
        if (told.get(about) !== line) terminal.print(`    ${localRfc3339(new Date(context.nowMs()))}: ${line}`);
        told.set(about, line);
      }
    }
    if (!promotionTold && canariesReady(deployment)) {
      promotionTold = true;
      terminal.print(
        `    ${localRfc3339(new Date(context.nowMs()))}: Canaries are healthy; to go on: drover deployment promote ${id.slice(0, 8)}`,
      );
    }
    if (options.pauseMs !== undefined && options.pauseMs > 0) await pause(options.pauseMs, context.interrupted);
  }
}

/** What a line is about, and the line. */
function* changesOf(deployment: Deployment): Generator<[about: string, line: string]> {
  yield ["status", `Deployment status ${JSON.stringify(deployment.Status)} (${deployment.StatusDescription})`];
  for (const [name, group] of Object.entries(deployment.TaskGroups)) {
    const wanted =
      group.DesiredCanaries > 0 && !group.Promoted
        ? `${group.DesiredCanaries} ${group.DesiredCanaries === 1 ? "canary" : "canaries"}`
        : String(group.DesiredTotal);
    yield [
      `group ${name}`,
      `Group ${JSON.stringify(name)}: ${group.PlacedAllocs} of ${wanted} placed, ${group.HealthyAllocs} healthy, ${group.UnhealthyAllocs} unhealthy`,
    ];
  }
}

function canariesReady(deployment: Deployment): boolean {
  if (!awaitsPromotion(deployment)) return false;
  const waiting = Object.values(deployment.TaskGroups).filter((group) => group.DesiredCanaries > 0 && !group.Promoted);
  return waiting.every((group) => !group.AutoPromote && group.HealthyAllocs >= group.DesiredCanaries);
}

/** Which allocations were unhealthy, and what their tasks said last. Of an extra, a failure is no failure. */
async function tellReasons(context: Context, deployment: Deployment, short: (id: string) => string): Promise<void> {
  let allocations: readonly AllocationStub[] = [];
  try {
    allocations = (await context.api.deployments.allocations(deployment.ID, { namespace: deployment.Namespace })).value;
  } catch {
    // The end of the deployment has been told.
  }
  const unhealthy = allocations.filter((each) => each.DeploymentStatus?.Healthy === false);
  for (const each of unhealthy.slice(0, REASONS_SHOWN_MAX)) {
    context.terminal.print(
      `    Allocation ${JSON.stringify(short(each.ID))} of group ${JSON.stringify(each.TaskGroup)} is unhealthy${lastWords(each)}`,
    );
  }
  if (unhealthy.length > 0) context.terminal.print(`    To see why: drover job why ${deployment.JobID}`);
}

const TELLING_EVENTS = ["Terminated", "Driver Failure", "Setup Failure", "Failed Validation", "Alloc Unhealthy"];

/** ': task "server": Exit Code: 1', of a task that failed before of one that did not. */
export function lastWords(allocation: Pick<AllocationStub, "TaskStates">): string {
  const tasks = Object.entries(allocation.TaskStates ?? {}).toSorted(([, left], [, right]) => Number(right.Failed) - Number(left.Failed));
  for (const [task, state] of tasks) {
    for (const type of TELLING_EVENTS) {
      const event = state.Events.findLast((each) => each.Type === type);
      if (event !== undefined) return `: task ${JSON.stringify(task)}: ${event.DisplayMessage}`;
    }
  }
  return "";
}

/** The newer deployment that brings the old version back; undefined when there is none. */
async function rollbackOf(context: Context, failed: Deployment): Promise<Deployment | undefined> {
  if (!/rolling back to job version \d+$/.test(failed.StatusDescription)) return undefined;
  let index = 0;
  for (let poll = 0; poll < ROLLBACK_POLLS_MAX; poll++) {
    const answer = await context.api.jobs.deployment(failed.JobID, {
      namespace: failed.Namespace,
      signal: context.interrupted,
      ...(index === 0 ? {} : { index, waitMs: POLL_WAIT_MS / ROLLBACK_POLLS_MAX }),
    });
    index = answer.index;
    if (answer.value !== null && answer.value.CreateIndex > failed.CreateIndex) return answer.value;
  }
  return undefined;
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "    ");
}

async function pause(pauseMs: number, interrupted: AbortSignal): Promise<void> {
  const { setTimeout: after } = await import("node:timers/promises");
  await after(pauseMs, undefined, { signal: interrupted });
}
