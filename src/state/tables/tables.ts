/**
 * Everything the state knows, as tables that fork in constant time. Entries are applied to one Tables in place; a snapshot is a fork of
 * it that nobody writes to. While nobody takes one, nothing is copied.
 *
 *   jobs          (namespace, id) → the job, its kept versions, its summary
 *   nodes, allocations, evaluations, deployments   id → record; indexes beside them
 *   namespaces, nodePools   name → record
 *   systemJobs    (namespace, id) of those that may belong on any node
 *   children, dispatches    parent → its children; parent → idempotency token → the child it made
 *   scalingEvents, launches, past   (namespace, id) of a job → what happened to it; the past survives the job
 *   services      (namespace, name, id) → registration; indexes beside them hold those keys
 *   rootKeys      id → key
 *   variables     (namespace, path) → variable, sealed; by root key those keys
 *   restartTurns  (namespace, job, group, allocation) → the turn it holds
 *   acl           policies, roles, tokens, ways to log in: acl-tables.ts
 *   tallies       (namespace, id) → how many allocations and evaluations, of which open; lives as long as there are any
 *   restoreParts  part (padded) → a piece of the snapshot that is to replace all this
 *   outcomes      request id → what became of it, for the last OUTCOMES_KEPT entries
 */
import type {
  Allocation,
  AllocationId,
  Deployment,
  DeploymentId,
  Evaluation,
  Job,
  JobId,
  JobSubmission,
  JobSummary,
  NamespaceRecord,
  Node,
  NodePool,
  Reason,
  RootKey,
  ScalingEvent,
  AutopilotConfiguration,
  SchedulerConfiguration,
  SealedVariable,
  ServiceRegistration,
} from "#model";
import { BUILT_IN_NODE_POOLS, DEFAULT_NAMESPACE_RECORD, DEFAULT_AUTOPILOT_CONFIGURATION, DEFAULT_SCHEDULER_CONFIGURATION } from "#model";
import { OrderedMap } from "#std";
import type { HeldTurn, LeadershipRecord, Outcome, PeriodicLaunch, TableName } from "../contract.ts";
import { AclTables } from "./acl-tables.ts";
import { Grouped } from "./grouped.ts";
import type { Tally } from "./tally.ts";

/** Jobs whose past is still told; the ones that nothing has been added to for longest go first. */
export const PAST_JOBS_MAX = 2048;
/** Entries whose request ids are remembered. */
export const OUTCOMES_KEPT = 4096;

export interface KeptVersion {
  /** The version as it was registered: allocations refer to this very object, whatever becomes of the job's status. */
  readonly spec: Job;
  /** `spec` itself until the version is called stable or tagged; then a copy that says so. */
  readonly shown: Job;
  readonly submission: JobSubmission | null;
}

export interface JobRecord {
  /** The current version with its current status. */
  readonly job: Job;
  /** Newest first; versions[0] is the current one's. */
  readonly versions: readonly KeptVersion[];
  readonly summary: JobSummary;
}

export interface RestorePart {
  readonly RestoreID: string;
  readonly Data: Uint8Array;
  readonly Ends: boolean;
}

/** Group → its events, newest first. */
export type ScalingHistory = Readonly<Record<string, readonly ScalingEvent[]>>;

export interface Past {
  readonly reasons: readonly Reason[];
  /** When something was last added. */
  readonly index: number;
}

export type TableIndexes = Record<TableName, number>;

export class Tables {
  /** Of the last entry; 0 before the first. */
  index = 0;
  /** How far `index` is above the log's own count: a restored snapshot brings its indexes with it. */
  leap = 0;
  time = 0;
  leadership: LeadershipRecord | undefined;
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
  readonly allocationsByDeployment: Grouped<AllocationId>;
  readonly deployments: OrderedMap<Deployment>;
  /** By job; within, in order of creation. */
  readonly deploymentsByJob: Grouped<DeploymentId>;
  /** Job → its active deployment: by its making there is one at most. */
  readonly activeDeploymentByJob: OrderedMap<DeploymentId>;
  readonly activeDeployments: OrderedMap<DeploymentId>;
  readonly namespaces: OrderedMap<NamespaceRecord>;
  readonly nodePools: OrderedMap<NodePool>;
  readonly systemJobs: OrderedMap<string>;
  /** By parent; within, by the child's own id. */
  readonly children: Grouped<JobId>;
  readonly dispatches: Grouped<JobId>;
  readonly scalingEvents: OrderedMap<ScalingHistory>;
  readonly launches: OrderedMap<PeriodicLaunch>;
  readonly past: OrderedMap<Past>;
  /** Index of the last addition and job → job: what goes first. */
  readonly pastByAge: OrderedMap<string>;
  readonly services: OrderedMap<ServiceRegistration>;
  /** Id → key in `services`. */
  readonly serviceKeys: OrderedMap<string>;
  readonly servicesByJob: Grouped<string>;
  readonly servicesByAllocation: Grouped<string>;
  readonly servicesByNode: Grouped<string>;
  readonly rootKeys: OrderedMap<RootKey>;
  readonly variables: OrderedMap<SealedVariable>;
  readonly variablesByRootKey: Grouped<string>;
  readonly restartTurns: OrderedMap<HeldTurn>;
  readonly acl: AclTables;
  readonly tallies: OrderedMap<Tally>;
  schedulerConfiguration: SchedulerConfiguration;
  autopilotConfiguration: AutopilotConfiguration;
  readonly restoreParts: OrderedMap<RestorePart>;
  readonly outcomes: OrderedMap<Outcome>;
  /** Index (padded, so that order is order) → request id. */
  readonly requestIds: OrderedMap<string>;

  /** Empty, or a fork of another. */
  constructor(from?: Omit<Tables, "fork" | "with">) {
    this.index = from?.index ?? 0;
    this.leap = from?.leap ?? 0;
    this.leadership = from?.leadership;
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
    this.allocationsByDeployment = from?.allocationsByDeployment.fork() ?? new Grouped();
    this.deployments = from?.deployments.fork() ?? new OrderedMap();
    this.deploymentsByJob = from?.deploymentsByJob.fork() ?? new Grouped();
    this.activeDeploymentByJob = from?.activeDeploymentByJob.fork() ?? new OrderedMap();
    this.activeDeployments = from?.activeDeployments.fork() ?? new OrderedMap();
    this.namespaces = from?.namespaces.fork() ?? named([DEFAULT_NAMESPACE_RECORD]);
    this.nodePools = from?.nodePools.fork() ?? named(BUILT_IN_NODE_POOLS);
    this.systemJobs = from?.systemJobs.fork() ?? new OrderedMap();
    this.children = from?.children.fork() ?? new Grouped();
    this.dispatches = from?.dispatches.fork() ?? new Grouped();
    this.scalingEvents = from?.scalingEvents.fork() ?? new OrderedMap();
    this.launches = from?.launches.fork() ?? new OrderedMap();
    this.past = from?.past.fork() ?? new OrderedMap();
    this.pastByAge = from?.pastByAge.fork() ?? new OrderedMap();
    this.services = from?.services.fork() ?? new OrderedMap();
    this.serviceKeys = from?.serviceKeys.fork() ?? new OrderedMap();
    this.servicesByJob = from?.servicesByJob.fork() ?? new Grouped();
    this.servicesByAllocation = from?.servicesByAllocation.fork() ?? new Grouped();
    this.servicesByNode = from?.servicesByNode.fork() ?? new Grouped();
    this.rootKeys = from?.rootKeys.fork() ?? new OrderedMap();
    this.variables = from?.variables.fork() ?? new OrderedMap();
    this.variablesByRootKey = from?.variablesByRootKey.fork() ?? new Grouped();
    this.restartTurns = from?.restartTurns.fork() ?? new OrderedMap();
    this.acl = from?.acl.fork() ?? new AclTables();
    this.tallies = from?.tallies.fork() ?? new OrderedMap();
    this.schedulerConfiguration = from?.schedulerConfiguration ?? DEFAULT_SCHEDULER_CONFIGURATION;
    this.autopilotConfiguration = from?.autopilotConfiguration ?? DEFAULT_AUTOPILOT_CONFIGURATION;
    this.restoreParts = from?.restoreParts.fork() ?? new OrderedMap();
    this.outcomes = from?.outcomes.fork() ?? new OrderedMap();
    this.requestIds = from?.requestIds.fork() ?? new OrderedMap();
  }

  fork(): Tables {
    return new Tables(this);
  }

  /** The same but for what was answered, which is another's. Without parts of a restoration. */
  with({ outcomes, requestIds }: Pick<Tables, "outcomes" | "requestIds">): Tables {
    return new Tables({ ...this, outcomes, requestIds, restoreParts: new OrderedMap() });
  }
}

function named<V extends { readonly Name: string }>(records: readonly V[]): OrderedMap<V> {
  const map = new OrderedMap<V>();
  for (const record of records) map.set(record.Name, record);
  return map;
}

export const UNTOUCHED: TableIndexes = {
  jobs: 1,
  "job-summaries": 1,
  nodes: 1,
  allocations: 1,
  evaluations: 1,
  deployments: 1,
  namespaces: 1,
  "node-pools": 1,
  "scaling-events": 1,
  "periodic-launches": 1,
  services: 1,
  "root-keys": 1,
  variables: 1,
  "restart-turns": 1,
  "acl-policies": 1,
  "acl-roles": 1,
  "acl-tokens": 1,
  "acl-auth-methods": 1,
  "acl-binding-rules": 1,
  "one-time-tokens": 1,
  "scheduler-configuration": 1,
};
