/**
 * Everything the state knows, as tables that fork in constant time. A snapshot is a Tables nobody writes to any more; applying an
 * entry writes to a fork and, when all went well, makes it the current one.
 *
 *   jobs          (namespace, id) → the job, its kept versions, its summary
 *   nodes, allocations, evaluations   id → record; indexes beside them
 *   tallies       (namespace, id) → how many allocations and evaluations, of which open; lives as long as there are any
 *   outcomes      request id → what became of it, for the last OUTCOMES_KEPT entries
 */
import type {
  Allocation, Evaluation, Job, JobSubmission, JobSummary, Node, SchedulerConfiguration,
} from "#model";
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
  tableIndexes: TableIndexes = {
    "jobs": 1, "job-summaries": 1, "nodes": 1, "allocations": 1, "evaluations": 1, "scheduler-configuration": 1,
  };
  jobs = new OrderedMap<JobRecord>();
  nodes = new OrderedMap<Node>();
  allocations = new OrderedMap<Allocation>();
  evaluations = new OrderedMap<Evaluation>();
  allocationsByJob = new Grouped<Allocation>();
  allocationsByNode = new Grouped<Allocation>();
  allocationsByEvaluation = new Grouped<Allocation>();
  evaluationsByJob = new Grouped<Evaluation>();
  tallies = new OrderedMap<Tally>();
  schedulerConfiguration: SchedulerConfiguration = DEFAULT_SCHEDULER_CONFIGURATION;
  outcomes = new OrderedMap<Outcome>();
  /** Index (padded, so that order is order) → request id. */
  requestIds = new OrderedMap<string>();

  fork(): Tables {
    const copy = new Tables();
    copy.index = this.index;
    copy.time = this.time;
    copy.tableIndexes = { ...this.tableIndexes };
    copy.jobs = this.jobs.fork();
    copy.nodes = this.nodes.fork();
    copy.allocations = this.allocations.fork();
    copy.evaluations = this.evaluations.fork();
    copy.allocationsByJob = this.allocationsByJob.fork();
    copy.allocationsByNode = this.allocationsByNode.fork();
    copy.allocationsByEvaluation = this.allocationsByEvaluation.fork();
    copy.evaluationsByJob = this.evaluationsByJob.fork();
    copy.tallies = this.tallies.fork();
    copy.schedulerConfiguration = this.schedulerConfiguration;
    copy.outcomes = this.outcomes.fork();
    copy.requestIds = this.requestIds.fork();
    return copy;
  }
}
