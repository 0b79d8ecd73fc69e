/**
 * What was wrong and is over, newest first: on record still, or told by garbage collection when the records went (so that the answer
 * outlives them). Pure.
 */
import {
  clientTerminal,
  jobKey,
  PAST_REASONS_MAX,
  type Allocation,
  type Deployment,
  type Evaluation,
  type JobId,
  type Namespace,
  type Reason,
} from "#model";
import type { Snapshot } from "#state";
import { blockedBy } from "./blocked.ts";
import { quoted, short } from "./cause.ts";
import { crashOf } from "./crashed.ts";
import { unplacedOf } from "./missing.ts";

const SENTENCE_MAX = 600;

/** Of one job: what the records say, and what is remembered of those that are gone. */
export function pastReasonsOf(snapshot: Snapshot, namespace: string, jobId: string): readonly Reason[] {
  const found: Reason[] = [];
  for (const allocation of snapshot.allocationsByJob(namespace, jobId)) {
    // What nobody has dealt with yet is of the present.
    if (allocation.NextAllocation !== "" || allocation.DesiredStatus !== "run") found.push(...ofAllocation(allocation));
  }
  for (const deployment of snapshot.deploymentsByJob(namespace, jobId)) found.push(...ofDeployment(deployment));
  const remembered = snapshot.pastReasons(namespace, jobId);
  return newest([
    ...new Map([...remembered, ...ofChild(snapshot, namespace, jobId), ...found].map((reason) => [identity(reason), reason])).values(),
  ]);
}

/** What is remembered of a launched or dispatched child that is gone is kept with its parent. */
function ofChild(snapshot: Snapshot, namespace: string, jobId: string): readonly Reason[] {
  const parentId = parentOf(jobId);
  return parentId === undefined ? [] : snapshot.pastReasons(namespace, parentId).filter((reason) => reason.Details["JobID"] === jobId);
}

function parentOf(jobId: string): JobId | undefined {
  const parent = /^(.+)\/(?:periodic|dispatch)-[^/]*$/.exec(jobId)?.[1];
  return parent as JobId | undefined;
}

/** Of the records that go: what shall still be told, by job; of a child by its parent, so that a flood of children is one job's past. */
export function pastOf(
  snapshot: Snapshot,
  gone: {
    readonly allocations: Iterable<Allocation>;
    readonly evaluations: Iterable<Evaluation>;
    readonly deployments: Iterable<Deployment>;
  },
): { readonly Namespace: Namespace; readonly JobID: JobId; readonly Reasons: readonly Reason[] }[] {
  const byJob = new Map<string, { readonly Namespace: Namespace; readonly JobID: JobId; readonly reasons: Reason[] }>();
  const keep = (of: { readonly Namespace: Namespace; readonly JobID: JobId }, reasons: readonly Reason[]): void => {
    if (reasons.length === 0) return;
    const parentId = parentOf(of.JobID);
    const JobID = parentId ?? of.JobID;
    const told = parentId === undefined ? reasons : reasons.map((each) => ({ ...each, Details: { ...each.Details, JobID: of.JobID } }));
    const key = jobKey({ Namespace: of.Namespace, ID: JobID });
    const known = byJob.get(key);
    if (known === undefined) byJob.set(key, { Namespace: of.Namespace, JobID, reasons: [...told] });
    else known.reasons.push(...told);
  };
  for (const allocation of gone.allocations) keep(allocation, ofAllocation(allocation));
  for (const evaluation of gone.evaluations) keep(evaluation, ofEvaluation(snapshot, evaluation));
  for (const deployment of gone.deployments) keep(deployment, ofDeployment(deployment));
  return [...byJob.values()].map(({ Namespace, JobID, reasons }) => ({ Namespace, JobID, Reasons: newest(reasons) }));
}

function ofAllocation(allocation: Allocation): Reason[] {
  const about = {
    Group: allocation.TaskGroup,
    Count: 1,
    Name: allocation.Name,
    AllocationID: allocation.ID,
    NodeID: allocation.NodeID,
  };
  const on = `on ${quoted(allocation.NodeName || allocation.NodeID)}`;
  if (allocation.ClientStatus === "failed") {
    const crash = crashOf(allocation);
    const what = crash?.what ?? `It failed: ${allocation.ClientDescription || "its node did not say why"}`;
    const Since = crash?.atNs ?? allocation.ModifyTime;
    return [{ ...about, Stage: "failed", Task: crash?.task ?? "", Sentence: `${what} (${on})`, Since, Details: crash?.details ?? {} }];
  }
  if (allocation.ClientStatus === "lost") {
    return [
      { ...about, Stage: "unknown", Task: "", Sentence: `It was lost with its node (${on})`, Since: allocation.ModifyTime, Details: {} },
    ];
  }
  if (clientTerminal(allocation) && allocation.DesiredStatus === "evict") {
    const Sentence = `It had to make room for allocation ${short(allocation.PreemptedByAllocation)} of a higher priority (${on})`;
    return [
      {
        ...about,
        Stage: "held",
        Task: "",
        Sentence,
        Since: allocation.ModifyTime,
        Details: { PreemptedBy: allocation.PreemptedByAllocation },
      },
    ];
  }
  return [];
}

/** An evaluation that found no room, and is over. One that waited until somebody else found it says what the one before it tells. */
function ofEvaluation(snapshot: Snapshot, evaluation: Evaluation): Reason[] {
  if (evaluation.Status === "canceled") return [];
  const job = snapshot.job(evaluation.Namespace, evaluation.JobID);
  if (job === undefined) return [];
  return Object.entries(evaluation.FailedTGAllocs).map(([Group, metric]) => {
    const found = blockedBy(
      metric,
      job,
      job.TaskGroups.find((group) => group.Name === Group),
      snapshot,
    );
    return {
      Stage: "blocked",
      Group,
      Count: unplacedOf(evaluation, Group),
      Name: "",
      AllocationID: "",
      NodeID: "",
      Task: "",
      Sentence: found.sentence,
      Since: evaluation.ModifyTime,
      Details: found.details ?? {},
    };
  });
}

function ofDeployment(deployment: Deployment): Reason[] {
  if (deployment.Status !== "failed") return [];
  const Sentence = `Deployment ${short(deployment.ID)} of version ${deployment.JobVersion} failed: ${deployment.StatusDescription}`;
  const about = { Group: "", Count: 1, Name: "", AllocationID: "", NodeID: "", Task: "" } as const;
  return [{ ...about, Stage: "failed", Sentence, Since: deployment.ModifyTime, Details: { DeploymentID: deployment.ID } }];
}

function identity(reason: Reason): string {
  return `${reason.Stage}\u0000${reason.AllocationID}\u0000${reason.Since}\u0000${reason.Sentence}`;
}

function newest(reasons: readonly Reason[]): Reason[] {
  return reasons
    .toSorted((a, b) => b.Since - a.Since)
    .slice(0, PAST_REASONS_MAX)
    .map(brief);
}

/** What a driver has to say may be long; what is kept is not. */
function brief(reason: Reason): Reason {
  return reason.Sentence.length <= SENTENCE_MAX
    ? reason
    : { ...reason, Sentence: `${reason.Sentence.slice(0, SENTENCE_MAX)}…`, Details: {} };
}
