/**
 * Everything the state knows, as tables that fork in constant time. Entries are applied to one Tables in place; a snapshot is a fork of
 * it that nobody writes to. While nobody takes one, nothing is copied.
 *
 *   jobs          (namespace, id) → the job, its kept versions, its summary
 *   nodes, allocations, evaluations   id → record; indexes beside them
 *   tallies       (namespace, id) → how many allocations and evaluations, of which open; lives as long as there are any
 *   outcomes      request id → what became of it, for the last OUTCOMES_KEPT entries
 */
import type { Allocation, AllocationId, Evaluation, Job, JobSubmission, JobSummary, Node, SchedulerConfiguration } from "#model";
import { DEFAULT_SCHEDULER_CONFIGURATION } from "#model";
import { OrderedMap } from "#std";
import type { Outcome, TableName } from "../contract.ts";
import { Grouped } from "./grouped.ts";
import type { Tally } from "./tally.ts";

/** Versions of a job that are kept, the current one among them. nomad.md §7. */
export const JOB_VERSIONS_KEPT = 6;
/** Entries whose request ids are remembered. */
export const OUTCOMES_KEPT = 4096;

export interface KeptVersion {
  /** The version as it was registered: allocations refer to this very object, whatever becomes of the job's status. */
  readonly spec: Job;
  readonly submission: JobSubmission | null;
}

export interface JobRecord {
  /** The current version with its current status. */
  readonly job: Job;
  /** Newest first; versions[0] is the current one's. */
  readonly versions: readonly KeptVersion[];
  readonly summary: JobSummary;
}

export type TableIndexes = Record<TableName, number>;

export class Tables {
  /** Of the last entry; 0 before the first. */
  index = 0;
  time = 0;
  tableIndexes: TableIndexes;
  readonly jobs: OrderedMap<JobRecord>;
  readonly nodes: OrderedMap<Node>;
  readonly allocations: OrderedMap<Allocation>;
  readonly evaluations: OrderedMap<Evaluation>;
  readonly allocationsByJob: Grouped<Allocation>;
  readonly allocationsByNode: Grouped<Allocation>;
  /** Seldom asked for, so only the ids: one tree less to write for every report of a node. */
  readonly allocationsByEvaluation: Grouped<AllocationId>;
  readonly evaluationsByJob: Grouped<Evaluation>;
  readonly tallies: OrderedMap<Tally>;
  schedulerConfiguration: SchedulerConfiguration;
  readonly outcomes: OrderedMap<Outcome>;
  /** Index (padded, so that order is order) → request id. */
  readonly requestIds: OrderedMap<string>;

  /** Empty, or a fork of another. */
  constructor(from?: Tables) {
    this.index = from?.index ?? 0;
    this.time = from?.time ?? 0;
    this.tableIndexes = from === undefined ? { ...UNTOUCHED } : { ...from.tableIndexes };
    this.jobs = from?.jobs.fork() ?? new OrderedMap();
    this.nodes = from?.nodes.fork() ?? new OrderedMap();
    this.allocations = from?.allocations.fork() ?? new OrderedMap();
    this.evaluations = from?.evaluations.fork() ?? new OrderedMap();
    this.allocationsByJob = from?.allocationsByJob.fork() ?? new Grouped();
    this.allocationsByNode = from?.allocationsByNode.fork() ?? new Grouped();
    this.allocationsByEvaluation = from?.allocationsByEvaluation.fork() ?? new Grouped();
    this.evaluationsByJob = from?.evaluationsByJob.fork() ?? new Grouped();
    this.tallies = from?.tallies.fork() ?? new OrderedMap();
    this.schedulerConfiguration = from?.schedulerConfiguration ?? DEFAULT_SCHEDULER_CONFIGURATION;
    this.outcomes = from?.outcomes.fork() ?? new OrderedMap();
    this.requestIds = from?.requestIds.fork() ?? new OrderedMap();
  }

  fork(): Tables {
    return new Tables(this);
  }
}

const UNTOUCHED: TableIndexes = {
  jobs: 1,
  "job-summaries": 1,
  nodes: 1,
  allocations: 1,
  evaluations: 1,
  "scheduler-configuration": 1,
};
