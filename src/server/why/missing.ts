/**
 * Why is something of a group not placed at all? Pure, but for where the broker says an evaluation stands.
 *
 *   an evaluation found no room          blocked: by what
 *   its plans lost every race            rejected: how often, why
 *   a deployment holds it back           held
 *   an evaluation waits                  queued: behind how many, until when, for whom
 *   nobody looks at it                   queued: said so
 */
import { awaitsPromotion, type Deployment, type Evaluation, type Job, type TaskGroup } from "#model";
import type { Snapshot } from "#state";
import type { Position } from "../broker/queue.ts";
import { blockedBy } from "./blocked.ts";
import { type Cause, counted, howLong, quoted, short, timeNs } from "./cause.ts";

/** What the plan check refused of a job lately. */
export interface Refusals {
  /** Plans that were refused in part or whole, one after the other. */
  readonly times: number;
  readonly nodeId: string;
  readonly reason: string;
  readonly sinceNs: number;
}

/** What is not in the state: where things stand on this server now. */
export interface WhyFacts {
  readonly nowNs: number;
  /** The broker is paused by configuration. */
  readonly paused: boolean;
  readonly position: (evaluationId: string) => Position | undefined;
  readonly refusals: (namespace: string, jobId: string) => Refusals | undefined;
}

/** The evaluations of a job that matter now. */
export interface OpenEvaluations {
  readonly blocked: readonly Evaluation[];
  readonly waiting: readonly Evaluation[];
}

export function openEvaluations(snapshot: Snapshot, job: Job): OpenEvaluations {
  const all = [...snapshot.evaluationsByJob(job.Namespace, job.ID)];
  return { blocked: all.filter(({ Status }) => Status === "blocked"), waiting: all.filter(({ Status }) => Status === "pending") };
}

/** What found no room for the group, and how many of it. Of a system job there may be one for each node, and each look at it is at all nodes. */
export function blockedFor(
  snapshot: Snapshot,
  open: OpenEvaluations,
  group: string,
): { readonly evaluation: Evaluation; readonly found: Evaluation; readonly count: number } | undefined {
  const looks = open.blocked.flatMap((evaluation) =>
    // Until it is looked at again, the one that found no room first knows more.
    [evaluation, snapshot.evaluation(evaluation.PreviousEval)]
      .filter((each) => each !== undefined && Object.hasOwn(each.FailedTGAllocs, group))
      .map((found) => ({ evaluation, found: found as Evaluation })),
  );
  const [newest] = looks.toSorted((a, b) => b.found.SnapshotIndex - a.found.SnapshotIndex);
  return newest === undefined ? undefined : { ...newest, count: unplacedOf(newest.found, group) };
}

/** Of a group that found no room for some. */
export function unplacedOf(found: Evaluation, group: string): number {
  return Math.max(1, found.QueuedAllocations[group] ?? (found.FailedTGAllocs[group]?.CoalescedFailures ?? 0) + 1);
}

/** `count` > 0 of the group are missing; `older` run in an older version. */
export function causesOfMissing(
  snapshot: Snapshot,
  job: Job,
  group: TaskGroup,
  missing: { readonly count: number; readonly older: number },
  open: OpenEvaluations,
  facts: WhyFacts,
): readonly { readonly cause: Cause; readonly count: number }[] {
  const causes: { cause: Cause; count: number }[] = [];
  const blocked = blockedFor(snapshot, open, group.Name);
  const metric = blocked?.found.FailedTGAllocs[group.Name];
  if (blocked !== undefined && metric !== undefined) {
    const found = blockedBy(metric, job, group, snapshot);
    causes.push({ cause: { stage: "blocked", sinceNs: blocked.evaluation.CreateTime, ...found }, count: blocked.count });
  }
  const count = missing.count - causes.reduce((sum, each) => sum + each.count, 0);
  const conflicts = open.blocked.find(({ TriggeredBy }) => TriggeredBy === "max-plan-attempts");
  if (conflicts !== undefined && count > 0) {
    causes.push({ cause: rejected(snapshot, job, conflicts, facts), count });
    return causes;
  }
  const deployment = heldBy(snapshot, job);
  const held = deployment === undefined ? undefined : hold(deployment, group, missing.older, facts);
  const waiting = open.waiting.find((evaluation) => (timeNs(evaluation.WaitUntil) ?? 0) <= facts.nowNs) ?? open.waiting[0];
  if (held !== undefined && (missing.older > 0 || (count > 0 && waiting === undefined))) {
    causes.push({ cause: held, count: Math.max(missing.older, count) });
    return causes;
  }
  if (count > 0) causes.push({ cause: waiting === undefined ? unseen(job, facts) : queued(waiting, facts), count });
  return causes;
}

/** The deployment of the job's newest version that is not through with it. */
function heldBy(snapshot: Snapshot, job: Job): Deployment | undefined {
  const [latest] = snapshot.deploymentsByJob(job.Namespace, job.ID);
  if (latest === undefined || latest.JobCreateIndex !== job.CreateIndex) return undefined;
  return latest.JobVersion === job.Version && latest.Status !== "successful" && latest.Status !== "cancelled" ? latest : undefined;
}

function hold(deployment: Deployment, group: TaskGroup, older: number, { nowNs }: WhyFacts): Cause | undefined {
  const state = deployment.TaskGroups[group.Name];
  const id = short(deployment.ID);
  const cause = (key: string, sentence: string): Cause => ({
    stage: "held",
    key: `deployment ${key}`,
    sinceNs: deployment.ModifyTime,
    details: { DeploymentID: deployment.ID, DeploymentStatus: deployment.Status, ...state },
    sentence,
  });
  if (deployment.Status === "paused") return cause("paused", `Deployment ${id} is paused: "drover deployment resume ${id}" lets it go on`);
  if (deployment.Status === "failed") {
    return cause(
      "failed",
      `Deployment ${id} has failed (${deployment.StatusDescription}): version ${deployment.JobVersion} goes no further, run a corrected one`,
    );
  }
  if (state === undefined) return undefined;
  if (awaitsPromotion(deployment) && state.DesiredCanaries > 0 && !state.Promoted) {
    const canaries = counted(state.DesiredCanaries, "canary").replace("canarys", "canaries");
    return state.HealthyAllocs >= state.DesiredCanaries
      ? cause("promotion", `Deployment ${id} waits for somebody to promote its ${canaries}: "drover deployment promote ${id}"`)
      : cause(
          "canaries",
          `Deployment ${id} waits for its ${canaries} to be healthy: ${state.HealthyAllocs} of ${state.DesiredCanaries} are`,
        );
  }
  if (awaitsPromotion(deployment))
    return cause("promotion elsewhere", `Deployment ${id} waits for the canaries of another group: "drover deployment promote ${id}"`);
  const byNs = timeNs(state.RequireProgressBy);
  const until = byNs === undefined ? "" : `, for ${howLong(Math.max(0, byNs - nowNs))} at most`;
  const parallel = group.Update?.MaxParallel ?? 1;
  return older === 0
    ? undefined
    : cause(
        "max_parallel",
        `Deployment ${id} replaces ${parallel} at a time (max_parallel) and waits for those to be healthy, ${state.HealthyAllocs} of ${state.DesiredTotal} are${until}`,
      );
}

function rejected(snapshot: Snapshot, job: Job, blocked: Evaluation, facts: WhyFacts): Cause {
  const refusals = facts.refusals(job.Namespace, job.ID);
  const given = snapshot.evaluation(blocked.PreviousEval)?.StatusDescription ?? "";
  const times = refusals?.times ?? Number(/\((\d+)\)/.exec(given)?.[1] ?? 1);
  const node = refusals === undefined ? undefined : snapshot.node(refusals.nodeId);
  const why = refusals === undefined ? "" : `, last because on ${quoted(node?.Name ?? refusals.nodeId)} ${refusals.reason}`;
  return {
    stage: "rejected",
    key: "rejected",
    sinceNs: refusals?.sinceNs ?? blocked.CreateTime,
    details: { Times: times, Reason: refusals?.reason ?? "", NodeID: refusals?.nodeId ?? "" },
    sentence: `Planned ${times} times and no longer true each time when it was checked${why}: tried again within a minute, or when a node changes`,
  };
}

function queued(evaluation: Evaluation, facts: WhyFacts): Cause {
  const { nowNs } = facts;
  const position = facts.position(evaluation.ID);
  const dueNs = Math.max(timeNs(evaluation.WaitUntil) ?? 0, (position?.dueMs ?? 0) * 1e6);
  const cause = (key: string, sentence: string): Cause => ({
    stage: "queued",
    key: `queued ${key}`,
    sinceNs: evaluation.CreateTime,
    details: { EvalID: evaluation.ID, Place: position?.place ?? "", Ahead: position?.ahead ?? 0, DueAt: dueNs === 0 ? null : dueNs },
    sentence,
  });
  if (dueNs > nowNs) return cause("delayed", `${delayed(evaluation)} in ${howLong(dueNs - nowNs)}`);
  if (facts.paused)
    return cause(
      "paused",
      `Nothing is scheduled, the evaluation broker is paused: "drover operator scheduler set-config -pause-eval-broker=false" lets it go on`,
    );
  switch (position?.place) {
    case "in hand":
      return cause("in hand", "It is being scheduled right now");
    case "ready":
      return cause(
        "behind",
        position.ahead === 0
          ? "It is next in line to be scheduled"
          : `It waits to be scheduled behind ${counted(position.ahead, "evaluation")}: a higher priority goes first`,
      );
    case "pending":
      return cause("same job", `It waits for another evaluation of its job, behind ${counted(position.ahead, "evaluation")} in all`);
    case "failed":
      return cause("failed", "It could not be scheduled, three times: the servers' log says why; tried again in a few minutes");
    default:
      return cause("unplaced", "It waits to be scheduled");
  }
}

function delayed(evaluation: Evaluation): string {
  switch (evaluation.TriggeredBy) {
    case "alloc-failure":
    case "alloc-reschedule":
      return "It is rescheduled after its failure";
    case "failed-follow-up":
      return "It could not be scheduled (the servers' log says why) and is tried again";
    case "max-disconnect-timeout":
      return "Its node is silent; it is given up";
    default:
      return evaluation.WaitUntil === null
        ? "It could not be scheduled (the servers' log says why) and is tried again"
        : "It waits for its time and is scheduled";
  }
}

function unseen(job: Job, { nowNs }: WhyFacts): Cause {
  return {
    stage: "queued",
    key: "unseen",
    sinceNs: nowNs,
    sentence: `No evaluation is open that would place it: ask for one with "drover job eval ${job.ID}"`,
  };
}
