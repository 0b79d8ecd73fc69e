/** A job's life on the real state, step by step: time, nodes that fall silent and come back, verdicts, deployments, evaluations. */
import assert from "node:assert/strict";
import { createVirtualClock } from "#integrations/memory";
import { DEPLOYMENT_DESCRIPTIONS, terminal } from "#model";
import type {
  Allocation,
  ClientStatus,
  Deployment,
  DesiredTransition,
  Evaluation,
  Job,
  JobId,
  Namespace,
  Node,
  Plan,
  TaskState,
} from "#model";
import { verifyPlan } from "#plan";
import { schedule } from "#scheduler";
import { type Command, commandVersion, createState, type Outcome, type Snapshot } from "#state";
import { anEvaluation, idsFrom } from "./nouns.ts";

/** A day after the epoch: times of day zero mean "never". */
const START_NS = 86_400e9;
const PASSES_MAX = 300;

export interface Committed {
  readonly before: Snapshot;
  readonly plan: Plan;
  readonly after: Snapshot;
}

export class Life {
  readonly #state = createState({ clock: createVirtualClock(), freeze: true });
  readonly #newId = idsFrom("a");
  readonly #watch: (committed: Committed) => void;
  nowNs = START_NS;

  /** `watch` is called after every committed plan. */
  constructor(watch: (committed: Committed) => void = () => undefined) {
    this.#watch = watch;
  }

  get snapshot(): Snapshot {
    return this.#state.snapshot();
  }
  get job(): Job | undefined {
    return this.snapshot.job("default", "app");
  }
  get allocations(): Allocation[] {
    return [...this.snapshot.allocationsByJob("default", "app")];
  }
  get deployment(): Deployment | undefined {
    return this.snapshot.activeDeployment("default", "app");
  }

  try(command: Command): Outcome {
    const index = this.#state.index + 1;
    const version = commandVersion(command.type) as number;
    return this.#state.apply(index, { version, time: this.nowNs, requestId: `request-${index}`, command });
  }
  do(command: Command): void {
    const outcome = this.try(command);
    assert(outcome.ok, outcome.ok ? "" : `${command.type}: ${outcome.reason}`);
  }

  addNode(node: Node): void {
    this.do({ type: "node-register", Node: node, Evaluations: [] });
  }
  nodeStatus(node: Node, Status: Node["Status"]): void {
    this.do({ type: "node-status", NodeIDs: [node.ID], Status, Event: null, Evaluations: [] });
  }
  register(job: Job): void {
    this.do({ type: "job-register", Job: job, Submission: null, Evaluation: null, EnforceIndex: null, PreserveCounts: false });
  }
  stop(): void {
    const who = { Namespace: "default" as Namespace, JobID: "app" as JobId };
    this.do({ type: "job-deregister", ...who, Purge: false, NoShutdownDelay: false, Evaluation: null });
  }
  ask(allocation: Allocation, transition: DesiredTransition): void {
    this.do({ type: "allocations-desired-transition", Transitions: { [allocation.ID]: transition }, Evaluations: [] });
  }
  setStatus(deployment: Deployment, Status: Deployment["Status"]): void {
    const StatusDescription = Status === "running" ? DEPLOYMENT_DESCRIPTIONS.running : DEPLOYMENT_DESCRIPTIONS.failedByUser;
    const Update = { DeploymentID: deployment.ID, Status, StatusDescription };
    this.do({ type: "deployment-status", Update, Rollback: null, Evaluations: [] });
  }
  promote(deployment: Deployment): boolean {
    return this.try({ type: "deployment-promote", DeploymentID: deployment.ID, Groups: null, Evaluations: [] }).ok;
  }

  report(allocation: Allocation, status: ClientStatus, healthy: boolean | null = null): void {
    const update = {
      ID: allocation.ID,
      NodeID: allocation.NodeID,
      ClientStatus: status,
      ClientDescription: "",
      TaskStates: { main: taskState(allocation, status, this.nowNs) },
      DeploymentStatus: healthy === null ? null : { Healthy: healthy, Timestamp: timeOf(this.nowNs) },
    };
    this.do({ type: "allocations-client-update", Updates: [update], Evaluations: [] });
  }

  /** Until nothing is left to do. */
  evaluate(placementsMax = 500, evaluation?: Evaluation): void {
    const { job } = this;
    if (job === undefined) return;
    const asked = evaluation ?? anEvaluation(job, { ID: this.#newId() as Evaluation["ID"] });
    for (let pass = 0; ; pass++) {
      assert(pass < PASSES_MAX, "an evaluation comes to its end");
      const before = this.snapshot;
      const result = schedule(before, asked, { placementsMax, newId: this.#newId, nowNs: this.nowNs });
      const Evaluations = result.More ? result.Created : [result.Evaluation, ...result.Created];
      if (result.Plan === null) this.do({ type: "evaluations-upsert", Evaluations });
      else {
        assert.deepEqual(verifyPlan(before, result.Plan).Rejected, {}, "the plan check finds nothing against a fresh plan (F6)");
        this.do({ type: "plan-apply", Plan: result.Plan, Evaluations });
        this.#watch({ before, plan: result.Plan, after: this.snapshot });
      }
      if (!result.More) return;
      assert(result.Plan !== null, "a pass that has more to do did something");
    }
  }

  /** What one evaluation more would do. */
  next(): Plan | null {
    const { job } = this;
    if (job === undefined) return null;
    const evaluation = anEvaluation(job, { ID: "look" as Evaluation["ID"] });
    return schedule(this.snapshot, evaluation, { placementsMax: 500, newId: idsFrom("look"), nowNs: this.nowNs }).Plan;
  }

  /** Time passes; follow-ups are evaluated when they are due. */
  wait(seconds: number): void {
    const untilNs = this.nowNs + seconds * 1e9;
    for (let rounds = 0; rounds < PASSES_MAX; rounds++) {
      const next = this.followups()[0];
      if (next === undefined || dueNs(next) > untilNs) break;
      this.nowNs = Math.max(this.nowNs, dueNs(next));
      this.evaluate(500, next);
    }
    this.nowNs = untilNs;
  }

  /** The next one first. */
  followups(): Evaluation[] {
    return [...this.snapshot.evaluations()]
      .filter((evaluation) => evaluation.Status === "pending" && evaluation.WaitUntil !== null)
      .sort((a, b) => dueNs(a) - dueNs(b) || (a.ID < b.ID ? -1 : 1));
  }
}

/** Wanted, not over, and not out of sight. */
export function present(allocations: readonly Allocation[]): Allocation[] {
  return allocations.filter((allocation) => !terminal(allocation) && allocation.ClientStatus !== "unknown");
}

/** Marked as one, and its deployment's group was not promoted. */
export function isCanary(snapshot: Snapshot, allocation: Allocation): boolean {
  if (allocation.DeploymentStatus?.Canary !== true) return false;
  return snapshot.deployment(allocation.DeploymentID)?.TaskGroups[allocation.TaskGroup]?.Promoted === false;
}

function taskState(allocation: Allocation, status: ClientStatus, nowNs: number): TaskState {
  const over = status === "complete" || status === "failed";
  const started = allocation.TaskStates["main"]?.StartedAt ?? (status === "running" ? timeOf(nowNs) : null);
  return {
    State: over ? "dead" : status === "running" ? "running" : "pending",
    Failed: status === "failed",
    Restarts: 0,
    LastRestart: null,
    StartedAt: started,
    FinishedAt: over ? timeOf(nowNs) : null,
    Events: [],
  };
}

function dueNs(evaluation: Evaluation): number {
  return Date.parse(evaluation.WaitUntil ?? "") * 1e6;
}

function timeOf(nowNs: number): string {
  return new Date(nowNs / 1e6).toISOString();
}
