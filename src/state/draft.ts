/**
 * One entry being applied, as commands write through it: it keeps tables, indexes, tallies and summaries in step, and stamps evaluations.
 *
 * A command writes records; `settle` then derives job statuses and summaries and closes the entry.
 */
import assert from "node:assert/strict";
import {
  type Allocation,
  clientTerminal,
  type Evaluation,
  jobKey,
  type JobId,
  type Namespace,
  type Node,
  terminal,
  evaluationOpen,
} from "#model";
import { DeploymentCounts } from "./deployments.ts";
import { Entry, type EntryKept, type EntryPlace } from "./entry.ts";
import { dropHistory, keepKin } from "./kin.ts";
import { dropTurn } from "./restart-turns.ts";
import type { Restoration } from "./restoration.ts";
import { dropServicesOf } from "./services.ts";
import { countAllocation, groupOf, type GroupSummaries, knownGroup, openSummary } from "./summary.ts";
import type { JobRecord, Tables } from "./tables/tables.ts";
import { type MutableTally, NO_TALLY } from "./tables/tally.ts";

/** What outlives an entry. */
export interface Kept extends EntryKept {
  readonly restoration: Restoration;
}

export class Draft extends Entry {
  readonly restoration: Restoration;
  /** What everything is to be replaced by. */
  restored: Tables | undefined;

  readonly #tallies = new Map<string, MutableTally>();
  readonly #summaries = new Map<string, GroupSummaries>();

  readonly #deploymentCounts = new DeploymentCounts();

  constructor(tables: Tables, of: EntryPlace, kept: Kept) {
    super(tables, of, kept);
    this.restoration = kept.restoration;
  }

  record(namespace: string, id: string): JobRecord | undefined {
    return this.tables.jobs.get(jobKey({ Namespace: namespace, ID: id }));
  }

  putRecord(record: JobRecord): void {
    const key = jobKey(record.job);
    this.seal(record);
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
    this.forgetTouched(key);
    this.goneJobs.push(record);
    this.touchTable("jobs");
    this.touchTable("job-summaries");
  }

  putNode(node: Node): void {
    this.seal(node);
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
    this.seal(after);
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
    this.seal(evaluation);
    const key = jobKeyOf(evaluation);
    this.journal.set(this.tables.evaluations, evaluation.ID, evaluation);
    this.journal.setIn(this.tables.evaluationsByJob, key, evaluation.ID, evaluation);
    this.evaluations.set(evaluation.ID, evaluation);
    this.touchTable("evaluations");
    const tally = this.tally(evaluation.Namespace, evaluation.JobID);
    if (before === undefined) tally.evaluations++;
    tally.openEvaluations += (evaluationOpen(evaluation) ? 1 : 0) - (before !== undefined && evaluationOpen(before) ? 1 : 0);
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
    if (evaluationOpen(before)) tally.openEvaluations--;
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
    this.seal(record);
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
}

function jobKeyOf(of: { readonly Namespace: string; readonly JobID: string }): string {
  return jobKey({ Namespace: of.Namespace, ID: of.JobID });
}
