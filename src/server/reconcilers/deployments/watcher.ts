/**
 * Deployments go on, and end: whenever something of an active one changes, or a deadline comes, it is looked at (step.ts), and what
 * was decided goes to the log in one entry.
 *
 *   change, deadline, start ──► marked ──► (gathered GATHER_MS) ──► view ──► step ──► decision ──► entry ──► change …
 *                                 ▲                                                    │
 *                                 └────────────── could not be written: later ─────────┘
 *
 * Kept here, per deployment: the timer of its deadline, and up to which index its health has been answered. Both are made anew after
 * a restart: every active deployment is looked at once, which costs an evaluation each and heals whatever was missed. One that cannot
 * be looked at is reported and tried again; it holds up no other, nor the start (F20).
 */
import { type Deployment, deploymentActive, type DeploymentId, jobKey } from "#model";
import type { Timer } from "#ports";
import { messageOf, NamedError } from "#std";
import type { Change, Snapshot } from "#state";
import { commit, type ServerContext } from "../../context.ts";
import { restoreGateways } from "../../operations/mesh-gateways.ts";
import { commitTransitions } from "../../parts.ts";
import { endingOf, evaluationOfDeployment } from "./ending.ts";
import { stepDeployment, type DeploymentDecision, type DeploymentView } from "./step.ts";

const GATHER_MS = 250;
/** Health that changes often is answered at most this often: an evaluation looks at all of the job. nomad.md §6.10. */
const ANSWER_EVERY_MS = 1_000;
const RETRY_MS = 5_000;

export interface DeploymentWatcher {
  /** Active deployments. */
  readonly watched: number;
  close(): void;
}

interface Watched {
  readonly id: DeploymentId;
  readonly job: string;
  answeredIndex: number;
  answeredMs: number;
  /** A decision is on its way into the log. */
  busy: boolean;
  timer: Timer | undefined;
}

export function createDeploymentWatcher(context: ServerContext): DeploymentWatcher {
  const { state } = context.cluster;
  const watched = new Map<DeploymentId, Watched>();
  const byJob = new Map<string, DeploymentId>();
  let marked = new Set<DeploymentId>();
  let gathering: Timer | undefined;
  let closed = false;

  function watch(deployment: Deployment): void {
    if (!watched.has(deployment.ID)) {
      const job = jobKey({ Namespace: deployment.Namespace, ID: deployment.JobID });
      watched.set(deployment.ID, {
        id: deployment.ID,
        job,
        answeredIndex: 0,
        answeredMs: Number.NEGATIVE_INFINITY,
        busy: false,
        timer: undefined,
      });
      byJob.set(job, deployment.ID);
    }
    mark(deployment.ID);
  }

  function forget(id: DeploymentId): void {
    const entry = watched.get(id);
    if (entry === undefined) return;
    entry.timer?.cancel();
    watched.delete(id);
    if (byJob.get(entry.job) === id) byJob.delete(entry.job);
  }

  function mark(id: DeploymentId | undefined): void {
    if (id === undefined || closed) return;
    marked.add(id);
    gathering ??= context.clock.after(GATHER_MS, lookAtMarked);
  }

  function lookAtMarked(): void {
    gathering = undefined;
    const due = marked;
    marked = new Set();
    for (const id of due) {
      const entry = watched.get(id);
      // What is busy is looked at again when it is done.
      if (entry !== undefined && !entry.busy) look(entry);
    }
  }

  function look(entry: Watched): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    try {
      const view = viewOf(state.snapshot(), entry.id, entry.answeredIndex, context.clock.nowMs());
      if (view === undefined || !deploymentActive(view.deployment)) return forget(entry.id);
      const { decision, wakeAtMs } = stepDeployment(view);
      const tooSoonMs = decision?.kind === "evaluate" ? entry.answeredMs + ANSWER_EVERY_MS - view.nowMs : 0;
      if (tooSoonMs > 0) wakeIn(entry, tooSoonMs);
      else if (decision !== null) void act(entry, view, decision);
      else if (wakeAtMs !== null) wakeIn(entry, wakeAtMs - view.nowMs);
    } catch (thrown) {
      failed(entry, thrown);
    }
  }

  function wakeIn(entry: Watched, delayMs: number): void {
    if (closed || watched.get(entry.id) !== entry) return;
    entry.timer?.cancel();
    entry.timer = context.clock.after(Math.max(0, delayMs), () => mark(entry.id));
  }

  async function act(entry: Watched, view: DeploymentView, decision: DeploymentDecision): Promise<void> {
    entry.busy = true;
    try {
      await carryOut(context, view, decision);
      if (decision.kind === "evaluate") {
        entry.answeredIndex = decision.answeredIndex;
        entry.answeredMs = view.nowMs;
      }
      entry.busy = false;
      // Its deadline has to be set again, and something may have happened meanwhile.
      mark(entry.id);
    } catch (thrown) {
      entry.busy = false;
      failed(entry, thrown);
    }
  }

  function failed(entry: Watched, thrown: unknown): void {
    if (closed) return;
    // Somebody was quicker: what is true now is looked at in a moment.
    const level = thrown instanceof NamedError && thrown.code === "COMMAND_REFUSED" ? "debug" : "error";
    context.report({
      level,
      message: "deployment could not be moved on: trying again",
      fields: { deployment: entry.id, error: messageOf(thrown) },
    });
    wakeIn(entry, RETRY_MS);
  }

  function observe(change: Change): void {
    for (const deployment of change.deployments) {
      if (deploymentActive(deployment)) watch(deployment);
      else forget(deployment.ID);
    }
    if (watched.size === 0) return;
    for (const { DeploymentID } of change.allocations) if (DeploymentID !== "" && watched.has(DeploymentID)) mark(DeploymentID);
    for (const job of change.jobs) mark(byJob.get(jobKey(job)));
    for (const gone of change.goneJobs) mark(byJob.get(jobKey(gone)));
  }

  // Listening before reading: no change falls between.
  const unsubscribe = state.watch.subscribe(observe);
  for (const deployment of state.snapshot().activeDeployments()) watch(deployment);

  return {
    get watched() {
      return watched.size;
    },
    close() {
      closed = true;
      unsubscribe();
      gathering?.cancel();
      for (const id of watched.keys()) forget(id);
    },
  };
}

function viewOf(snapshot: Snapshot, id: DeploymentId, answeredIndex: number, nowMs: number): DeploymentView | undefined {
  const deployment = snapshot.deployment(id);
  if (deployment === undefined) return undefined;
  const { Namespace, JobID } = deployment;
  const job = snapshot.job(Namespace, JobID);
  // Asked only where it matters: a job may have many evaluations.
  const outdated = job !== undefined && job.Version !== deployment.JobVersion;
  const evaluationWaits =
    outdated &&
    [...snapshot.evaluationsByJob(Namespace, JobID)].some(({ Status, WaitUntil }) => Status === "pending" && WaitUntil === null);
  return { deployment, job, allocations: [...snapshot.allocationsByDeployment(id)], evaluationWaits, answeredIndex, nowMs };
}

async function carryOut(context: ServerContext, { deployment, job }: DeploymentView, decision: DeploymentDecision): Promise<void> {
  if (decision.kind === "end") {
    const { status, description, rollback } = decision;
    const ending = endingOf(context, deployment, { status, reason: description, rollback });
    await commit(context, ending.command);
    if (ending.command.Rollback !== null) restoreGateways(context, deployment.Namespace, deployment.JobID);
    report(context, deployment, ending.command.Update.StatusDescription, ending.stormy);
    return;
  }
  const Evaluations = job === undefined ? [] : [evaluationOfDeployment(context, deployment, job)];
  if (decision.kind === "promote") {
    await commit(context, { type: "deployment-promote", DeploymentID: deployment.ID, Groups: null, Evaluations });
  } else {
    const transitions = decision.reschedule.map((id) => [id, { Reschedule: true }] as const);
    await commitTransitions(context, transitions, Evaluations);
  }
}

function report(context: ServerContext, deployment: Deployment, reason: string, stormy: boolean): void {
  const fields = { deployment: deployment.ID, job: deployment.JobID, version: deployment.JobVersion, reason };
  if (stormy) context.report({ level: "warn", message: "job is rolled back too often: it stays as it is until somebody looks", fields });
  else context.report({ level: "info", message: "deployment ends", fields });
}
