/**
 * A snapshot as bytes, and back. Chunks of a versioned format, each standing alone:
 *
 *   ["drover-state", format, index, time, …]   head, first
 *   [kind, records]                            a job version before the first record that refers to it
 *   ["end", chunks before it]                  a snapshot without it is not whole
 *
 * Saving walks a pinned fork in slices of about SLICE_BYTES, a few milliseconds' work, with a turn of the event loop after each; the
 * applies that go on meanwhile write to other pages. Indexes and columns are not saved but made again.
 */
import { setImmediate } from "node:timers/promises";
import {
  type AutopilotConfiguration,
  type AclAuthMethod,
  type AclBindingRule,
  type AclPolicy,
  type AclRole,
  type AclToken,
  type Allocation,
  type Deployment,
  type Evaluation,
  evaluationOpen,
  type Job,
  jobKey,
  type JobSubmission,
  type JobSummary,
  type NamespaceRecord,
  type Node,
  type NodePool,
  type OneTimeToken,
  type RootKey,
  type SealedVariable,
  type ServiceRegistration,
  terminal,
} from "#model";
import { messageOf, NamedError } from "#std";
import type { HeldTurn, LeadershipRecord, Outcome, PeriodicLaunch } from "./contract.ts";
import { indexDeployment } from "./deployments.ts";
import { deepFreeze } from "./freeze.ts";
import { Interned, sharedIfEmpty } from "./interned.ts";
import { indexKin } from "./kin.ts";
import { type Marks, marksOf, shownWith } from "./marks.ts";
import { createPackr } from "./packing.ts";
import { padded } from "./padded.ts";
import { indexTurn } from "./restart-turns.ts";
import { indexService } from "./services.ts";
import { ageKey } from "./past.ts";
import { BOOTSTRAP, type Bootstrapped, indexBindingRule, indexRole, indexToken, secretKey } from "./tables/acl-tables.ts";
import { type JobRecord, type Past, type RestorePart, type ScalingHistory, Tables, UNTOUCHED } from "./tables/tables.ts";
import { type MutableTally, NO_TALLY } from "./tables/tally.ts";
import { compactStates } from "./task-states.ts";
import { indexVariable } from "./variables.ts";

/**
 * Reads every format up to its own. 1: before deployments, namespaces, pools, scaling, launches, the past. 2: before services and root keys.
 * 3: before variables and restart turns. 4: before access control.
 */
const FORMAT = 5;
const NAME = "drover-state";
/** Encoded at some 50 MB/s this is one or two milliseconds. */
const SLICE_BYTES = 64 * 1024;

interface SavedJob {
  /** What the job has beyond its current version as shown; snapshots of before have all of it. */
  readonly job: Partial<Job> & Pick<Job, "Status" | "StatusDescription" | "ModifyIndex">;
  /** Places in the list of specs. */
  readonly versions: readonly { readonly spec: number; readonly submission: JobSubmission | null; readonly marks?: Marks | null }[];
  readonly summary: JobSummary;
}
/** `Job` is a place in the list of specs. */
type SavedAllocation = Omit<Allocation, "Job"> & { readonly Job: number };

type Kind =
  | "spec"
  | "job"
  | "node"
  | "allocation"
  | "evaluation"
  | "deployment"
  | "namespace"
  | "node-pool"
  | "scaling"
  | "launch"
  | "past"
  | "service"
  | "root-key"
  | "variable"
  | "restart-turn"
  | "acl-policy"
  | "acl-role"
  | "acl-token"
  | "acl-auth-method"
  | "acl-binding-rule"
  | "one-time-token"
  | "acl-bootstrap"
  | "restore-part"
  | "outcome";

/** Pins the tables now; encodes when asked. */
export function saveTables(tables: Tables): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => chunksOf(tables) };
}

async function* chunksOf(tables: Tables): AsyncGenerator<Uint8Array> {
  const packr = createPackr();
  const specs = new Specs();
  let chunks = 0;
  const chunk = (value: readonly unknown[]) => {
    chunks++;
    return Uint8Array.from(packr.pack(value));
  };
  const { leap, leadership = null, autopilotConfiguration } = tables;
  const autopilot = autopilotConfiguration.ModifyIndex > 0 ? { autopilot: autopilotConfiguration } : {};
  yield chunk([
    NAME,
    FORMAT,
    tables.index,
    tables.time,
    tables.tableIndexes,
    tables.schedulerConfiguration,
    { leap, leadership, ...autopilot },
  ]);
  for (const [kind, records] of tablesOf(tables, specs)) {
    for (const slice of slices(records, specs)) {
      // What the slice is the first to refer to goes before it.
      const fresh = specs.takeFresh();
      if (fresh.length > 0) yield chunk(["spec", fresh]);
      yield chunk([kind, slice]);
      await setImmediate();
    }
  }
  yield chunk(["end", chunks]);
}

/** Job versions that records refer to: each is written once, wherever it is met first. */
class Specs {
  readonly #places = new Map<Job, number>();
  #fresh: Job[] = [];
  #freshBytes = 0;

  place(spec: Job): number {
    const known = this.#places.get(spec);
    if (known !== undefined) return known;
    const place = this.#places.size;
    this.#places.set(spec, place);
    this.#fresh.push(spec);
    this.#freshBytes += roughBytes(spec);
    return place;
  }

  get freshBytes(): number {
    return this.#freshBytes;
  }

  takeFresh(): readonly Job[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    this.#freshBytes = 0;
    return fresh;
  }
}

/** Cuts by a running guess of the size: exact sizes would cost a second encoding. */
function* slices(records: Iterable<unknown>, specs: Specs): Generator<unknown[]> {
  let slice: unknown[] = [];
  let bytes = 0;
  for (const record of records) {
    slice.push(record);
    bytes += roughBytes(record);
    if (bytes + specs.freshBytes < SLICE_BYTES) continue;
    yield slice;
    slice = [];
    bytes = 0;
  }
  if (slice.length > 0) yield slice;
}

function roughBytes(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 5;
  let bytes = 2;
  for (const key in value) bytes += roughBytes((value as Record<string, unknown>)[key]);
  return bytes;
}

function* tablesOf(tables: Tables, specs: Specs): Generator<readonly [Kind, Iterable<unknown>]> {
  yield ["job", savedJobs(tables, specs)];
  yield ["node", tables.nodes.values()];
  yield ["evaluation", tables.evaluations.values()];
  yield ["deployment", tables.deployments.values()];
  yield ["allocation", savedAllocations(tables, specs)];
  yield ["namespace", tables.namespaces.values()];
  yield ["node-pool", tables.nodePools.values()];
  yield ["scaling", tables.scalingEvents.range()];
  yield ["launch", tables.launches.values()];
  yield ["past", tables.past.range()];
  yield ["service", tables.services.values()];
  yield ["root-key", tables.rootKeys.values()];
  yield ["variable", tables.variables.values()];
  yield ["restart-turn", tables.restartTurns.values()];
  yield ["acl-policy", tables.acl.policies.values()];
  yield ["acl-role", tables.acl.roles.values()];
  yield ["acl-token", tables.acl.tokens.values()];
  yield ["acl-auth-method", tables.acl.authMethods.values()];
  yield ["acl-binding-rule", tables.acl.bindingRules.values()];
  yield ["one-time-token", tables.acl.oneTimeTokens.values()];
  yield ["acl-bootstrap", tables.acl.bootstrap.values()];
  yield ["restore-part", tables.restoreParts.range()];
  yield ["outcome", tables.outcomes.range()];
}

function* savedJobs(tables: Tables, specs: Specs): Generator<SavedJob> {
  for (const { job, versions, summary } of tables.jobs.values()) {
    const kept = versions.map(({ spec, shown, submission }) => ({ spec: specs.place(spec), submission, marks: marksOf({ spec, shown }) }));
    const { Status, StatusDescription, ModifyIndex } = job;
    yield { job: { Status, StatusDescription, ModifyIndex }, versions: kept, summary };
  }
}

function* savedAllocations(tables: Tables, specs: Specs): Generator<SavedAllocation> {
  for (const allocation of tables.allocations.values()) yield { ...allocation, Job: specs.place(allocation.Job) };
}

/** NamedError STATE_SNAPSHOT_UNREADABLE unless the chunks are a whole snapshot of a known format. */
export async function restoreTables(chunks: AsyncIterable<Uint8Array>, freeze: boolean): Promise<Tables> {
  const reader = new SnapshotReader(freeze);
  try {
    for await (const chunk of chunks) {
      reader.feed(chunk);
      await setImmediate();
    }
  } catch (thrown) {
    throw thrown instanceof NamedError ? thrown : unreadable(messageOf(thrown), thrown);
  }
  return reader.finish();
}

/** The same, chunk by chunk as they come. */
export class SnapshotReader {
  readonly #packr = createPackr();
  readonly #restoring: Restoring;
  #count = 0;
  #ended = false;

  constructor(freeze: boolean) {
    this.#restoring = new Restoring(freeze);
  }

  /** Of the snapshot; 0 before its first chunk. */
  get index(): number {
    return this.#restoring.index;
  }

  /** NamedError STATE_SNAPSHOT_UNREADABLE: it is of no use any more. */
  feed(chunk: Uint8Array): void {
    if (this.#ended) throw unreadable("there is more after its end");
    try {
      const value = this.#packr.unpack(chunk as Buffer) as unknown[];
      if (this.#count === 0) this.#restoring.head(value);
      else if (value[0] === "end") this.#ended = checkEnd(value, this.#count);
      else for (const record of value[1] as unknown[]) this.#restoring.put(value[0] as Kind, record);
    } catch (thrown) {
      throw thrown instanceof NamedError ? thrown : unreadable(messageOf(thrown), thrown);
    }
    this.#count++;
  }

  finish(): Tables {
    if (!this.#ended) throw unreadable("it ends too early");
    return this.#restoring.finished();
  }
}

function checkEnd(value: readonly unknown[], count: number): true {
  if (value[1] !== count) throw unreadable(`${String(value[1])} chunks were written, ${count} are there`);
  return true;
}

function unreadable(why: string, cause?: unknown): NamedError {
  return new NamedError("STATE_SNAPSHOT_UNREADABLE", `Cannot restore snapshot: ${why}`, { cause });
}

/** Tables being filled again; tallies and indexes are counted on the way. */
class Restoring {
  readonly #tables = new Tables();
  readonly #specs: Job[] = [];
  readonly #tallies = new Map<string, MutableTally>();
  readonly #interned = new Interned();
  readonly #freeze: boolean;
  readonly #put: Readonly<Record<Kind, (record: unknown) => void>> = {
    spec: (record) => this.#specs.push(this.#keep(record as Job)),
    job: (record) => this.#putJob(record as SavedJob),
    node: (record) => this.#tables.nodes.set((record as Node).ID, this.#keep(record as Node)),
    evaluation: (record) => this.#putEvaluation(record as Evaluation),
    allocation: (record) => this.#putAllocation(record as SavedAllocation),
    deployment: (record) => indexDeployment(this.#tables, this.#keep(record as Deployment)),
    namespace: (record) => this.#tables.namespaces.set((record as NamespaceRecord).Name, this.#keep(record as NamespaceRecord)),
    "node-pool": (record) => this.#tables.nodePools.set((record as NodePool).Name, this.#keep(record as NodePool)),
    scaling: (record) => this.#tables.scalingEvents.set(...this.#keep(record as [string, ScalingHistory])),
    launch: (record) => this.#putLaunch(record as PeriodicLaunch),
    past: (record) => this.#putPast(this.#keep(record as [string, Past])),
    service: (record) => this.#putService(record as ServiceRegistration),
    "root-key": (record) => this.#tables.rootKeys.set((record as RootKey).KeyID, this.#keep(record as RootKey)),
    variable: (record) => indexVariable(this.#tables, this.#keep(record as SealedVariable)),
    "restart-turn": (record) => indexTurn(this.#tables, this.#keep(record as HeldTurn)),
    "acl-policy": (record) => this.#tables.acl.policies.set((record as AclPolicy).Name, this.#keep(record as AclPolicy)),
    "acl-role": (record) => indexRole(this.#tables.acl, this.#keep(record as AclRole)),
    "acl-token": (record) => indexToken(this.#tables.acl, this.#keep(record as AclToken)),
    "acl-auth-method": (record) => this.#tables.acl.authMethods.set((record as AclAuthMethod).Name, this.#keep(record as AclAuthMethod)),
    "acl-binding-rule": (record) => indexBindingRule(this.#tables.acl, this.#keep(record as AclBindingRule)),
    "one-time-token": (record) =>
      this.#tables.acl.oneTimeTokens.set(secretKey((record as OneTimeToken).OneTimeSecretID), this.#keep(record as OneTimeToken)),
    "acl-bootstrap": (record) => this.#tables.acl.bootstrap.set(BOOTSTRAP, this.#keep(record as Bootstrapped)),
    "restore-part": (record) => this.#tables.restoreParts.set(...(record as [string, RestorePart])),
    outcome: (record) => this.#putOutcome(record as [string, Outcome]),
  };

  constructor(freeze: boolean) {
    this.#freeze = freeze;
  }

  get index(): number {
    return this.#tables.index;
  }

  head(value: readonly unknown[]): void {
    const [name, format, index, time, tableIndexes, configuration, more] = value;
    if (name !== NAME) throw unreadable("it is not a snapshot of a state");
    if (typeof format !== "number" || format < 1 || format > FORMAT)
      throw unreadable(`its format ${String(format)} is unknown to this program`);
    this.#tables.index = index as number;
    this.#tables.time = time as number;
    // Absent in formats before 5.
    const { leap, leadership, autopilot } = (more ?? { leap: 0, leadership: null }) as {
      leap: number;
      leadership: LeadershipRecord | null;
      autopilot?: AutopilotConfiguration;
    };
    this.#tables.leap = leap;
    this.#tables.leadership = leadership ?? undefined;
    this.#tables.tableIndexes = { ...UNTOUCHED, ...(tableIndexes as Tables["tableIndexes"]) };
    if (autopilot !== undefined) this.#tables.autopilotConfiguration = deepFreeze(autopilot);
    this.#tables.schedulerConfiguration = deepFreeze(configuration as Tables["schedulerConfiguration"]);
  }

  put(kind: Kind, record: unknown): void {
    const put = Object.hasOwn(this.#put, kind) ? this.#put[kind] : undefined;
    if (put === undefined) throw unreadable(`it holds "${String(kind)}", unknown to this program`);
    put(record);
  }

  finished(): Tables {
    for (const [key, tally] of this.#tallies) this.#tables.tallies.set(key, tally);
    return this.#tables;
  }

  #putJob(saved: SavedJob): void {
    const versions = saved.versions.map(({ spec, submission, marks }) => {
      const kept = this.#spec(spec);
      return { spec: kept, shown: shownWith(kept, marks ?? null), submission };
    });
    const current = versions[0]?.shown;
    if (current === undefined) throw unreadable("it holds a job without a version");
    // Made of its version: what both hold is held once.
    const job: Job = { ...current, ...saved.job };
    const record: JobRecord = { job, versions, summary: saved.summary };
    this.#tables.jobs.set(jobKey(job), this.#keep(record));
    indexKin(this.#tables, job);
  }

  #putLaunch(launch: PeriodicLaunch): void {
    this.#tables.launches.set(jobKey({ Namespace: launch.Namespace, ID: launch.JobID }), this.#keep(launch));
  }

  #putPast([key, past]: [string, Past]): void {
    this.#tables.past.set(key, past);
    this.#tables.pastByAge.set(ageKey(past.index, key), key);
  }

  #putEvaluation(evaluation: Evaluation): void {
    const key = jobKey({ Namespace: evaluation.Namespace, ID: evaluation.JobID });
    this.#keep(evaluation);
    this.#tables.evaluations.set(evaluation.ID, evaluation);
    this.#tables.evaluationsByJob.set(key, evaluation.ID, evaluation);
    const tally = this.#tally(key);
    tally.evaluations++;
    if (evaluationOpen(evaluation)) tally.openEvaluations++;
  }

  #putAllocation(saved: SavedAllocation): void {
    const tables = this.#tables;
    const spec = this.#spec(saved.Job);
    const node = tables.nodes.get(saved.NodeID);
    const text = this.#interned;
    const allocation: Allocation = this.#keep({
      ...saved,
      Job: spec,
      Namespace: spec.Namespace,
      JobID: spec.ID,
      NodeID: node?.ID ?? saved.NodeID,
      NodeName: node?.Name === saved.NodeName ? node.Name : text.text(saved.NodeName),
      EvalID: tables.evaluations.get(saved.EvalID)?.ID ?? text.text(saved.EvalID),
      DeploymentID: saved.DeploymentID === "" ? "" : (tables.deployments.get(saved.DeploymentID)?.ID ?? saved.DeploymentID),
      DesiredTransition: sharedIfEmpty(saved.DesiredTransition),
      PreemptedAllocations: sharedIfEmpty(saved.PreemptedAllocations),
      TaskGroup: text.text(saved.TaskGroup),
      // Absent in format 1.
      AllocStates: sharedIfEmpty(saved.AllocStates ?? []),
      ClientDescription: text.text(saved.ClientDescription),
      DesiredDescription: text.text(saved.DesiredDescription),
      TaskStates: compactStates(saved.TaskStates, saved, text),
    });
    const key = jobKey({ Namespace: allocation.Namespace, ID: allocation.JobID });
    tables.allocations.set(allocation.ID, allocation);
    tables.allocationsByJob.set(key, allocation.ID, allocation);
    tables.allocationsByNode.set(allocation.NodeID, allocation.ID, allocation);
    tables.allocationsByEvaluation.set(allocation.EvalID, allocation.ID, allocation.ID);
    if (allocation.DeploymentID !== "") tables.allocationsByDeployment.set(allocation.DeploymentID, allocation.ID, allocation.ID);
    const tally = this.#tally(key);
    tally.allocations++;
    if (!terminal(allocation)) tally.liveAllocations++;
  }

  /** After the allocations: it shares their texts. */
  #putService(saved: ServiceRegistration): void {
    const allocation = this.#tables.allocations.get(saved.AllocID);
    const shared =
      allocation === undefined
        ? {}
        : { Namespace: allocation.Namespace, JobID: allocation.JobID, AllocID: allocation.ID, NodeID: allocation.NodeID };
    const ServiceName = this.#interned.text(saved.ServiceName);
    indexService(this.#tables, this.#keep({ ...saved, ...shared, ServiceName, Datacenter: this.#interned.text(saved.Datacenter) }));
  }

  #putOutcome([requestId, outcome]: [string, Outcome]): void {
    this.#tables.outcomes.set(requestId, outcome);
    this.#tables.requestIds.set(padded(outcome.index), requestId);
  }

  #spec(place: number): Job {
    const spec = this.#specs[place];
    if (spec === undefined) throw unreadable(`it refers to job version ${place}, which it does not hold`);
    return spec;
  }

  #tally(key: string): MutableTally {
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = { ...NO_TALLY };
      this.#tallies.set(key, tally);
    }
    return tally;
  }

  #keep<T>(value: T): T {
    return this.#freeze ? deepFreeze(value) : value;
  }
}
