/**
 * `job why`: why is not all that is wanted running? users-want.md row 1. Pure over a snapshot and a few facts of this server.
 *
 *   per group   placed and not well ──► placed.ts      not placed ──► missing.ts      told once for alike ones, worst first
 *   past        what failed and is over, on record or collected since ──► past.ts
 */
import {
  allocationName,
  clientTerminal,
  isParameterized,
  launchesChildren,
  type Allocation,
  type Job,
  type JobId,
  type JobWhy,
  type Namespace,
  type Reason,
  type TaskGroup,
  type WhyStage,
} from "#model";
import type { Snapshot } from "#state";
import { jobNotFound } from "../errors.ts";
import { type Cause, counted, howLong, quoted } from "./cause.ts";
import { blockedFor, causesOfMissing, openEvaluations, type OpenEvaluations, type WhyFacts } from "./missing.ts";
import { pastReasonsOf } from "./past.ts";
import { causeOf } from "./placed.ts";

const WORST_FIRST: readonly WhyStage[] = ["failed", "blocked", "rejected", "unknown", "held", "queued", "starting"];
/** Children of a parent that are looked into. */
const CHILDREN_MAX = 20;

/** Throws JOB_NOT_FOUND, unless something is remembered of a job that is gone. `nextLaunch`: unix seconds. */
export function explainJob(snapshot: Snapshot, namespace: string, id: string, facts: WhyFacts, nextLaunch?: number): JobWhy {
  const job = snapshot.job(namespace, id);
  const Past = pastReasonsOf(snapshot, namespace, id);
  if (job === undefined) {
    if (Past.length === 0) throw jobNotFound(id);
    const Summary = `Job ${quoted(id)} is gone; ${counted(Past.length, "thing")} that went wrong with it ${Past.length === 1 ? "is" : "are"} remembered`;
    return { Namespace: namespace as Namespace, JobID: id as JobId, Status: "gone", Summary, Wanted: 0, Running: 0, Reasons: [], Past };
  }
  const about = { Namespace: job.Namespace, JobID: job.ID, Status: job.Status };
  if (job.Stop)
    return { ...about, Summary: `Job ${quoted(id)} is stopped: nothing of it is wanted`, Wanted: 0, Running: 0, Reasons: [], Past };
  if (launchesChildren(job)) return explainParent(snapshot, job, facts, nextLaunch, Past);
  const groups = job.TaskGroups.map((group) => explainGroup(snapshot, job, group, facts));
  const [Wanted, Running] = [sum(groups.map(({ wanted }) => wanted)), sum(groups.map(({ running }) => running))];
  const Reasons = worstFirst(groups.flatMap(({ reasons }) => reasons));
  return { ...about, Summary: summaryOf(job, Wanted, Running, Reasons), Wanted, Running, Reasons, Past };
}

interface GroupWhy {
  readonly wanted: number;
  readonly running: number;
  readonly reasons: readonly Reason[];
}

function explainGroup(snapshot: Snapshot, job: Job, group: TaskGroup, facts: WhyFacts): GroupWhy {
  const open = openEvaluations(snapshot, job);
  const blocked = blockedFor(snapshot, open, group.Name);
  const placed: Allocation[] = [];
  const causes: { readonly cause: Cause; readonly allocation: Allocation }[] = [];
  let [present, running, done, older] = [0, 0, 0, 0];
  for (const allocation of snapshot.allocationsByJob(job.Namespace, job.ID)) {
    if (allocation.TaskGroup !== group.Name || allocation.Job.CreateIndex !== job.CreateIndex) continue;
    if (allocation.DesiredStatus !== "run") continue;
    if (allocation.ClientStatus === "complete") {
      if (endsByItself(job) && allocation.JobVersion === job.Version) done++;
      continue;
    }
    // Replaced: its successor is what counts.
    if (clientTerminal(allocation) && allocation.NextAllocation !== "") continue;
    // A lost one is to be replaced: what keeps its successor is told as of any that is missing.
    if (allocation.ClientStatus !== "lost") placed.push(allocation);
    if (!clientTerminal(allocation)) present++;
    if (allocation.ClientStatus === "running") running++;
    if (allocation.JobVersion !== job.Version && !clientTerminal(allocation)) older++;
    const cause = causeOf(allocation, { snapshot, nowNs: facts.nowNs, blocked: blocked?.evaluation });
    if (cause !== undefined) causes.push({ cause, allocation });
  }
  const wanted = wantedOf(job, group, placed.length, blocked?.count ?? 0, open, done);
  const count = Math.max(0, wanted - placed.length, blocked?.count ?? 0);
  const missing = causesOfMissing(snapshot, job, group, { count, older: job.Type === "service" ? older : 0 }, open, facts);
  const names = namesMissing(job, group, placed, wanted);
  return {
    wanted,
    running: Math.min(running, Math.max(present, 0)),
    reasons: [
      ...told(group, causes),
      ...missing.map(({ cause, count: about }) =>
        reasonOf(group, cause, about, about === 1 && names.length === 1 ? (names[0] as string) : ""),
      ),
    ],
  };
}

/** Of system jobs there is one for each node that can have it: those there are, and those that found no room. */
function wantedOf(job: Job, group: TaskGroup, placed: number, blocked: number, open: OpenEvaluations, done: number): number {
  if (job.Type === "service" || job.Type === "batch") return Math.max(0, (group.Count ?? 1) - done);
  return Math.max(placed + blocked, placed === 0 && open.waiting.length > 0 && done === 0 ? (group.Count ?? 1) : 0);
}

function endsByItself(job: Job): boolean {
  return job.Type === "batch" || job.Type === "sysbatch";
}

function namesMissing(job: Job, group: TaskGroup, placed: readonly Allocation[], wanted: number): string[] {
  if (job.Type !== "service" && job.Type !== "batch") return [];
  const known = new Set(placed.map((allocation) => allocation.Name));
  const names = Array.from({ length: Math.min(wanted, placed.length + 2) }, (_, index) => allocationName(job.ID, group.Name, index));
  return names.filter((name) => !known.has(name));
}

/** Alike ones are told once, since the first of them. */
function told(group: TaskGroup, causes: readonly { readonly cause: Cause; readonly allocation: Allocation }[]): Reason[] {
  const alike = new Map<string, { cause: Cause; allocations: Allocation[] }>();
  for (const { cause, allocation } of causes) {
    const key = `${cause.stage}\u0000${cause.task ?? ""}\u0000${cause.key}`;
    const known = alike.get(key);
    if (known === undefined) alike.set(key, { cause, allocations: [allocation] });
    else {
      known.allocations.push(allocation);
      if (cause.sinceNs < known.cause.sinceNs) known.cause = cause;
    }
  }
  return [...alike.values()].map(({ cause, allocations: [first, ...others] }) => {
    const only = others.length === 0 ? first : undefined;
    return { ...reasonOf(group, cause, 1 + others.length, only?.Name ?? ""), AllocationID: only?.ID ?? "", NodeID: only?.NodeID ?? "" };
  });
}

export function reasonOf(group: Pick<TaskGroup, "Name">, cause: Cause, count: number, name: string): Reason {
  return {
    Stage: cause.stage,
    Group: group.Name,
    Count: count,
    Name: name,
    AllocationID: "",
    NodeID: "",
    Task: cause.task ?? "",
    Sentence: cause.sentence,
    Since: cause.sinceNs,
    Details: cause.details ?? {},
  };
}

/** A parent runs nothing itself: what is wrong is wrong with its children. */
function explainParent(snapshot: Snapshot, job: Job, facts: WhyFacts, nextLaunch: number | undefined, Past: readonly Reason[]): JobWhy {
  const children = [...snapshot.childJobs(job.Namespace, job.ID)];
  const living = children.filter((child) => child.Status !== "dead");
  const explained = living.slice(-CHILDREN_MAX).map((child) => explainJob(snapshot, child.Namespace, child.ID, facts));
  const Reasons = worstFirst(
    explained.flatMap((child) => child.Reasons.map((reason) => ({ ...reason, Details: { ...reason.Details, JobID: child.JobID } }))),
  );
  const what = isParameterized(job) ? "It waits to be dispatched" : periodicWords(job, nextLaunch, facts.nowNs);
  const counts = `${counted(children.length, "child").replace("childs", "children")}, ${living.length} of them not over`;
  const first = Reasons[0] === undefined ? "" : `: ${inSentence(Reasons[0].Sentence)}`;
  return {
    Namespace: job.Namespace,
    JobID: job.ID,
    Status: job.Status,
    Summary: `${what}; ${counts}${first}`,
    Wanted: sum(explained.map((child) => child.Wanted)),
    Running: sum(explained.map((child) => child.Running)),
    Reasons,
    Past,
  };
}

function periodicWords(job: Job, nextLaunch: number | undefined, nowNs: number): string {
  if (job.Periodic?.Enabled === false) return "Its schedule is disabled (periodic enabled = false): nothing launches it";
  if (nextLaunch === undefined) return "Its schedule names no time that is still to come";
  return `Launched next in ${howLong(nextLaunch * 1e9 - nowNs)}`;
}

function worstFirst(reasons: readonly Reason[]): Reason[] {
  return reasons.toSorted((a, b) => WORST_FIRST.indexOf(a.Stage) - WORST_FIRST.indexOf(b.Stage) || b.Count - a.Count || a.Since - b.Since);
}

function summaryOf(job: Job, wanted: number, running: number, reasons: readonly Reason[]): string {
  const [first] = reasons;
  if (first === undefined && wanted === 0)
    return endsByItself(job) && job.Status === "dead" ? "It is done" : "Nothing of it is wanted: its count is 0";
  const counts = wanted === 1 ? (running === 1 ? "It runs" : "It does not run") : `${running} of ${wanted} run`;
  if (first === undefined) return wanted === running ? (wanted === 1 ? "It runs" : `All ${wanted} run`) : counts;
  return `${counts}: ${inSentence(first.Sentence)}`;
}

/** A sentence as the rest of another. */
function inSentence(sentence: string): string {
  return /^\p{Lu}(?!\p{Lu})/u.test(sentence) ? sentence.charAt(0).toLowerCase() + sentence.slice(1) : sentence;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
