/** A frozen view: tables nobody writes to any more, read in key order. Taking one costs this one object. */
import assert from "node:assert/strict";
import {
  type Allocation,
  type Evaluation,
  type Job,
  jobKey,
  type JobSubmission,
  type JobSummary,
  type Node,
  type SchedulerConfiguration,
} from "#model";
import type { Columns, Snapshot, TableName } from "./contract.ts";
import type { JobRecord, Tables } from "./tables/tables.ts";

export class TablesSnapshot implements Snapshot {
  readonly #tables: Tables;
  /** The live columns, if they still are those of these tables. */
  readonly #columns: (tables: Tables) => Columns | undefined;

  constructor(tables: Tables, columns: (tables: Tables) => Columns | undefined) {
    this.#tables = tables;
    this.#columns = columns;
  }

  get index(): number {
    return Math.max(1, this.#tables.index);
  }

  tableIndex(...tables: readonly TableName[]): number {
    let newest = 1;
    for (const table of tables) newest = Math.max(newest, this.#tables.tableIndexes[table]);
    return newest;
  }

  job(namespace: string, id: string): Job | undefined {
    return this.#record(namespace, id)?.job;
  }

  jobVersion(namespace: string, id: string, version: number): Job | undefined {
    const kept = this.jobVersions(namespace, id).find((job) => job.Version === version);
    if (kept !== undefined) return kept;
    // Older ones live on in the allocations that run them.
    for (const allocation of this.allocationsByJob(namespace, id)) if (allocation.JobVersion === version) return allocation.Job;
    return undefined;
  }

  jobVersions(namespace: string, id: string): readonly Job[] {
    const record = this.#record(namespace, id);
    return record === undefined ? [] : [record.job, ...record.versions.slice(1).map(({ spec }) => spec)];
  }

  *jobs(namespace: string, prefix = "", after?: { readonly Namespace: string; readonly ID: string }): Generator<Job> {
    const start = namespace === "*" ? "" : jobKey({ Namespace: namespace, ID: prefix });
    const resume = after === undefined ? "" : jobKey(after);
    const from = resume > start ? resume : start;
    for (const [, { job }] of this.#tables.jobs.range(from, { exclusive: after !== undefined && from === resume })) {
      if (namespace !== "*" && (job.Namespace !== namespace || !job.ID.startsWith(prefix))) return;
      if (job.ID.startsWith(prefix)) yield job;
    }
  }

  jobSummary(namespace: string, id: string): JobSummary | undefined {
    return this.#record(namespace, id)?.summary;
  }

  submission(namespace: string, id: string, version: number): JobSubmission | undefined {
    const kept = this.#record(namespace, id)?.versions.find(({ spec }) => spec.Version === version);
    return kept?.submission ?? undefined;
  }

  node(id: string): Node | undefined {
    return this.#tables.nodes.get(id);
  }
  nodes(prefix = ""): Iterable<Node> {
    return this.#tables.nodes.values(prefix);
  }
  get nodeCount(): number {
    return this.#tables.nodes.size;
  }

  allocation(id: string): Allocation | undefined {
    return this.#tables.allocations.get(id);
  }
  allocations(prefix = ""): Iterable<Allocation> {
    return this.#tables.allocations.values(prefix);
  }
  allocationsByJob(namespace: string, jobId: string): Iterable<Allocation> {
    return this.#tables.allocationsByJob.values(jobKey({ Namespace: namespace, ID: jobId }));
  }
  allocationsByNode(nodeId: string): Iterable<Allocation> {
    return this.#tables.allocationsByNode.values(nodeId);
  }
  *allocationsByEvaluation(evaluationId: string): Generator<Allocation> {
    for (const id of this.#tables.allocationsByEvaluation.values(evaluationId)) yield this.#tables.allocations.get(id) as Allocation;
  }

  evaluation(id: string): Evaluation | undefined {
    return this.#tables.evaluations.get(id);
  }
  evaluations(prefix = ""): Iterable<Evaluation> {
    return this.#tables.evaluations.values(prefix);
  }
  evaluationsByJob(namespace: string, jobId: string): Iterable<Evaluation> {
    return this.#tables.evaluationsByJob.values(jobKey({ Namespace: namespace, ID: jobId }));
  }

  schedulerConfiguration(): SchedulerConfiguration {
    return this.#tables.schedulerConfiguration;
  }

  columns(): Columns {
    const columns = this.#columns(this.#tables);
    assert.ok(columns !== undefined, "Columns are only valid until the next apply: take a new snapshot, use them without awaiting");
    return columns;
  }

  #record(namespace: string, id: string): JobRecord | undefined {
    return this.#tables.jobs.get(jobKey({ Namespace: namespace, ID: id }));
  }
}
