/**
 * One entry being applied. Commands write through this: it keeps tables, indexes, tallies and summaries in step, stamps evaluations, and
 * notes what was touched for watchers, events and columns. It writes in place and keeps a journal of what was there before: `undo` plays
 * it back, and the entry never was.
 *
 * A command writes records; `settle` then derives job statuses and summaries and closes the entry.
 */
import assert from "node:assert/strict";
import {
  type Allocation,
  type AllocationId,
  clientTerminal,
  type Deployment,
  type DeploymentId,
  type Evaluation,
  type EvaluationId,
  jobKey,
  type JobId,
  type Namespace,
  type Node,
  type NodeId,
  type NodePool,
  type SealedVariable,
  type ServiceRegistration,
  terminal,
} from "#model";
import type { OrderedMap } from "#std";
import type { TableName } from "./contract.ts";
import type { AclEvent } from "./acl-events.ts";
import { DeploymentCounts } from "./deployments.ts";
import { deepFreeze } from "./freeze.ts";
import type { Interned } from "./interned.ts";
import { Journal } from "./journal.ts";
import { dropHistory, keepKin } from "./kin.ts";
import { dropTurn } from "./restart-turns.ts";
import type { Restoration } from "./restoration.ts";
import { dropServicesOf } from "./services.ts";
import { countAllocation, groupOf, type GroupSummaries, knownGroup, openSummary } from "./summary.ts";
import type { JobRecord, Tables } from "./tables/tables.ts";
import { type MutableTally, NO_TALLY } from "./tables/tally.ts";

/** Why a command was not carried out. The draft is dropped then. */
export interface Refusal {
  readonly code: "conflict" | "missing" | "invalid" | "fault";
  readonly reason: string;
}

/** What outlives an entry. */
export interface Kept {
  readonly interned: Interned;
  readonly freeze: boolean;
  readonly restoration: Restoration;
}

interface JobName {
  readonly Namespace: Namespace;
  readonly ID: JobId;
}

/** An allocation before and after the entry. */
export interface AllocationChange {
  readonly before: Allocation | undefined;
  after: Allocation | undefined;
}

export class Draft {
  readonly tables: Tables;
  readonly index: number;
  /** Unix nanoseconds. */
  readonly time: number;
  /** Of the command's format: an entry of an older one means what it meant when it was written. */
  readonly version: number;
  readonly interned: Interned;
  readonly journal: Journal;
  readonly restoration: Restoration;
  /** What everything is to be replaced by. */
  restored: Tables | undefined;
  readonly #freeze: boolean;

  readonly jobs = new Map<string, JobRecord>();
  readonly nodes = new Map<NodeId, Node>();
  readonly allocations = new Map<AllocationId, AllocationChange>();
  readonly evaluations = new Map<EvaluationId, Evaluation>();
  readonly deployments = new Map<DeploymentId, Deployment>();
  /** Written or gone records that have events but no place in a Change. */
  readonly nodePools: NodePool[] = [];
  readonly goneNodePools: NodePool[] = [];
  readonly goneJobs: JobRecord[] = [];
  readonly goneNodes: Node[] = [];
  readonly goneEvaluations: EvaluationId[] = [];
  /** By id; one that is dropped and written again is only in `services`. */
  readonly services = new Map<string, ServiceRegistration>();
  readonly goneServices = new Map<string, ServiceRegistration>();
  /** By (namespace, path); as services. */
  readonly variables = new Map<string, SealedVariable>();
  readonly goneVariables = new Map<string, SealedVariable>();
  readonly aclEvents: AclEvent[] = [];

  /** Jobs whose status or summary may have changed. */
  readonly #touched = new Map<string, JobName>();
  readonly #tallies = new Map<string, MutableTally>();
  readonly #summaries = new Map<string, GroupSummaries>();

  readonly #deploymentCounts = new DeploymentCounts();

  constructor(tables: Tables, of: { readonly index: number; readonly time: number; readonly version: number }, kept: Kept) {
    this.tables = tables;
    this.index = of.index;
    this.time = of.time;
    this.version = of.version;
    this.interned = kept.interned;
    this.restoration = kept.restoration;
    this.#freeze = kept.freeze;
    this.journal = new Journal(tables);
  }

  /** The tables are as they were before this draft. */
  undo(): void {
    this.journal.undo();
  }

  touchTable(name: TableName): void {
    this.tables.tableIndexes[name] = this.index;
  }

  /** For tables nothing else hangs on. */
  set<V extends object>(table: OrderedMap<V>, key: string, value: V, name?: TableName): void {
    this.#store(value);
    this.journal.set(table, key, value);
    if (name !== undefined) this.touchTable(name);
  }

  delete<V>(table: OrderedMap<V>, key: string, name: TableName): void {
    this.journal.delete(table, key);
    this.touchTable(name);
  }

  record(namespace: string, id: string): JobRecord | undefined {
    return this.tables.jobs.get(jobKey({ Namespace: namespace, ID: id }));
  }

  putRecord(record: JobRecord): void {
    const key = jobKey(record.job);
    this.#store(record);
    const before = this.journal.set(this.tables.jobs, key, record);
    keepKin(this, before?.job, record.job);
    this.jobs.set(key, record);
    this.touchTable("jobs");
    this.touchJob(record.job);
  }

  /** The job, its versions, submissions, summary, scaling events and launch; allocations, evaluations, deployments and the past stay. */
  dropRecord(record: JobRecord): void {
    const key = jobKey(record.job);
    this.journal.delete(this.tables.jobs, key);
    keepKin(this, record.job, undefined);
    dropHistory(this, record.job);
    this.jobs.delete(key);
    this.#summaries.delete(key);
    this.#touched.delete(key);
    this.goneJobs.push(record);
    this.touchTable("jobs");
    this.touchTable("job-summaries");
  }

  putNode(node: Node): void {
    this.#store(node);
    this.journal.set(this.tables.nodes, node.ID, node);
    this.nodes.set(node.ID, node);
    this.touchTable("nodes");
  }

  dropNode(node: Node): void {
    this.journal.delete(this.tables.nodes, node.ID);
    this.nodes.delete(node.ID);
    this.goneNodes.push(node);
    this.touchTable("nodes");
  }

  /** New or changed. An allocation never moves: job, node and id stay; EvalID and DeploymentID may change with an in-place update. */
  putAllocation(after: Allocation): void {
    const { tables, journal } = this;
    this.#store(after);
    const before = journal.set(tables.allocations, after.ID, after);
    journal.setIn(tables.allocationsByJob, jobKeyOf(after), after.ID, after);
    journal.setIn(tables.allocationsByNode, after.NodeID, after.ID, after);
    if (before?.EvalID !== after.EvalID) {
      if (before !== undefined) journal.deleteIn(tables.allocationsByEvaluation, before.EvalID, after.ID);
      journal.setIn(tables.allocationsByEvaluation, after.EvalID, after.ID, after.ID);
    }
    if (before?.DeploymentID !== after.DeploymentID) {
      if (before !== undefined && before.DeploymentID !== "")
        journal.deleteIn(tables.allocationsByDeployment, before.DeploymentID, after.ID);
      if (after.DeploymentID !== "") journal.setIn(tables.allocationsByDeployment, after.DeploymentID, after.ID, after.ID);
    }
    if (after.DeploymentID !== "") this.#deploymentCounts.note(before, after);
    if (clientTerminal(after)) {
      dropServicesOf(this, { allocation: after.ID });
      dropTurn(this, after);
    }
    this.#noteAllocation(after, before, after);
  }

  dropAllocation(before: Allocation): void {
    const { tables, journal } = this;
    journal.delete(tables.allocations, before.ID);
    journal.deleteIn(tables.allocationsByJob, jobKeyOf(before), before.ID);
    journal.deleteIn(tables.allocationsByNode, before.NodeID, before.ID);
    journal.deleteIn(tables.allocationsByEvaluation, before.EvalID, before.ID);
    if (before.DeploymentID !== "") journal.deleteIn(tables.allocationsByDeployment, before.DeploymentID, before.ID);
    dropServicesOf(this, { allocation: before.ID });
    dropTurn(this, before);
    this.#noteAllocation(before, before, undefined);
  }

  /** Stamps the indexes and times; an existing one keeps those of its creation. */
  putEvaluation(given: Evaluation): Evaluation {
    const before = this.tables.evaluations.get(given.ID);
    const job = this.record(given.Namespace, given.JobID)?.job;
    const evaluation: Evaluation = {
      ...given,
      ID: before?.ID ?? given.ID,
      // Whose it is never changes.
      Namespace: before?.Namespace ?? job?.Namespace ?? given.Namespace,
      JobID: before?.JobID ?? job?.ID ?? given.JobID,
      Type: this.interned.text(given.Type),
      TriggeredBy: this.interned.text(given.TriggeredBy),
      Status: this.interned.text(given.Status),
      StatusDescription: this.interned.text(given.StatusDescription),
      CreateIndex: before?.CreateIndex ?? this.index,
      CreateTime: before?.CreateTime ?? this.time,
      ModifyIndex: this.index,
      ModifyTime: this.time,
    };
    this.#store(evaluation);
    const key = jobKeyOf(evaluation);
    this.journal.set(this.tables.evaluations, evaluation.ID, evaluation);
    this.journal.setIn(this.tables.evaluationsByJob, key, evaluation.ID, evaluation);
    this.evaluations.set(evaluation.ID, evaluation);
    this.touchTable("evaluations");
    const tally = this.tally(evaluation.Namespace, evaluation.JobID);
    if (before === undefined) tally.evaluations++;
    tally.openEvaluations += (isOpen(evaluation) ? 1 : 0) - (before !== undefined && isOpen(before) ? 1 : 0);
    this.#noteQueued(evaluation);
    return evaluation;
  }

  dropEvaluation(before: Evaluation): void {
    this.journal.delete(this.tables.evaluations, before.ID);
    this.journal.deleteIn(this.tables.evaluationsByJob, jobKeyOf(before), before.ID);
    this.evaluations.delete(before.ID);
    this.goneEvaluations.push(before.ID);
    this.touchTable("evaluations");
    const tally = this.tally(before.Namespace, before.JobID);
    tally.evaluations--;
    if (isOpen(before)) tally.openEvaluations--;
  }

  touchJob(name: JobName): void {
    this.#touched.set(jobKey(name), { Namespace: name.Namespace, ID: name.ID });
  }

  /** The job's tally, open for writing. */
  tally(namespace: Namespace, id: JobId): MutableTally {
    const key = jobKey({ Namespace: namespace, ID: id });
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = { ...(this.tables.tallies.get(key) ?? NO_TALLY) };
      this.#tallies.set(key, tally);
    }
    this.touchJob({ Namespace: namespace, ID: id });
    return tally;
  }

  /** The job's counts per group, open for writing; undefined when there is no such job. */
  summary(namespace: string, id: string): GroupSummaries | undefined {
    const key = jobKey({ Namespace: namespace, ID: id });
    const open = this.#summaries.get(key);
    if (open !== undefined) return open;
    const record = this.tables.jobs.get(key);
    if (record === undefined) return undefined;
    const groups = openSummary(record.summary.Summary);
    this.#summaries.set(key, groups);
    return groups;
  }

  /** Opens the summary only when the number differs, so that an evaluation without news moves no index. */
  setQueued(namespace: string, id: string, group: string, queued: number): void {
    const key = jobKey({ Namespace: namespace, ID: id });
    const groups = this.#summaries.get(key) ?? this.tables.jobs.get(key)?.summary.Summary;
    const known = groups === undefined ? undefined : knownGroup(groups, group);
    if (known === undefined || known.Queued === queued) return;
    const open = this.summary(namespace, id);
    assert.ok(open !== undefined, `job "${id}" has a summary`);
    groupOf(open, group).Queued = queued;
    this.touchJob({ Namespace: namespace as Namespace, ID: id as JobId });
  }

  /** A record of which only the summary differs: the job itself has not changed. */
  putSummary(record: JobRecord): void {
    this.#store(record);
    this.journal.set(this.tables.jobs, jobKey(record.job), record);
    this.touchTable("job-summaries");
  }

  /** Puts the tallies and the deployments' counters back. */
  closeCounts(): void {
    this.#deploymentCounts.store(this);
    for (const [key, tally] of this.#tallies) {
      if (tally.allocations === 0 && tally.evaluations === 0) this.journal.delete(this.tables.tallies, key);
      else this.journal.set(this.tables.tallies, key, tally);
    }
  }

  /** For settle: what the command's writes may have moved. */
  touchedJobs(): readonly string[] {
    return [...this.#touched.keys()];
  }
  openSummaryOf(key: string): GroupSummaries | undefined {
    return this.#summaries.get(key);
  }

  #noteAllocation(subject: Allocation, before: Allocation | undefined, after: Allocation | undefined): void {
    const noted = this.allocations.get(subject.ID);
    if (noted === undefined) this.allocations.set(subject.ID, { before, after });
    else noted.after = after;
    this.touchTable("allocations");
    const tally = this.tally(subject.Namespace, subject.JobID);
    tally.allocations += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    tally.liveAllocations += (after === undefined || terminal(after) ? 0 : 1) - (before === undefined || terminal(before) ? 0 : 1);
    if (before?.ClientStatus === after?.ClientStatus) return;
    const groups = this.summary(subject.Namespace, subject.JobID);
    if (groups !== undefined) countAllocation(groups, before, after);
  }

  #noteQueued(evaluation: Evaluation): void {
    for (const group of Object.keys(evaluation.QueuedAllocations)) {
      this.setQueued(evaluation.Namespace, evaluation.JobID, group, evaluation.QueuedAllocations[group] as number);
    }
  }

  #store(value: object): void {
    if (this.#freeze) deepFreeze(value);
  }
}

function jobKeyOf(of: { readonly Namespace: string; readonly JobID: string }): string {
  return jobKey({ Namespace: of.Namespace, ID: of.JobID });
}

export function isOpen(evaluation: Pick<Evaluation, "Status">): boolean {
  return evaluation.Status === "pending" || evaluation.Status === "blocked";
}
