/**
 * One entry being applied: where it stands, the tables it writes to in place, and what it has touched, for watchers, events and columns. A
 * journal keeps what was there before: `undo` plays it back, and the entry never was.
 *
 * What a noun's own file needs to write its records (services.ts, variables.ts, deployments.ts, …); draft.ts adds the writes that several
 * nouns hang on.
 */
import {
  type Allocation,
  type AllocationId,
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
} from "#model";
import type { OrderedMap } from "#std";
import type { AclEvent } from "./acl-events.ts";
import type { TableName } from "./contract.ts";
import { deepFreeze } from "./freeze.ts";
import type { Interned } from "./interned.ts";
import { Journal } from "./journal.ts";
import type { JobRecord, Tables } from "./tables/tables.ts";

/** Why a command was not carried out. The draft is dropped then. */
export interface Refusal {
  readonly code: "conflict" | "missing" | "invalid" | "fault";
  readonly reason: string;
}

export interface EntryPlace {
  readonly index: number;
  /** Unix nanoseconds. */
  readonly time: number;
  /** Of the command's format. */
  readonly version: number;
}

/** What outlives an entry. */
export interface EntryKept {
  readonly interned: Interned;
  readonly freeze: boolean;
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

export class Entry {
  readonly tables: Tables;
  readonly index: number;
  /** Unix nanoseconds. */
  readonly time: number;
  /** Of the command's format: an entry of an older one means what it meant when it was written. */
  readonly version: number;
  readonly interned: Interned;
  /** What was there before, to be played back. */
  readonly journal: Journal;
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

  constructor(tables: Tables, of: EntryPlace, kept: EntryKept) {
    this.tables = tables;
    this.index = of.index;
    this.time = of.time;
    this.version = of.version;
    this.interned = kept.interned;
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
    this.seal(value);
    this.journal.set(table, key, value);
    if (name !== undefined) this.touchTable(name);
  }

  delete<V>(table: OrderedMap<V>, key: string, name: TableName): void {
    this.journal.delete(table, key);
    this.touchTable(name);
  }

  touchJob(name: JobName): void {
    this.#touched.set(jobKey(name), { Namespace: name.Namespace, ID: name.ID });
  }

  /** A job that is gone has no status. */
  forgetTouched(key: string): void {
    this.#touched.delete(key);
  }

  /** For settle: what the command's writes may have moved. */
  touchedJobs(): readonly string[] {
    return [...this.#touched.keys()];
  }

  /** Frozen where tests want it so. */
  seal(value: object): void {
    if (this.#freeze) deepFreeze(value);
  }
}
