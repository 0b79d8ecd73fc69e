/**
 * The event stream: the last entries' changes, as events made when somebody reads them. Readers hold a position, not a queue, so a slow
 * one costs nothing; one that falls behind the buffer is told where to resume (F22). nomad.md §3.4.
 */
import type { Allocation, Event, NodePool } from "#model";
import { NamedError } from "#std";
import type { AclEvent } from "./acl-events.ts";
import type { Change, CommandType, EventStream } from "./contract.ts";

const ENTRIES_MAX = 100;
/** Bounds the memory old versions of records take, should entries be large. */
const RECORDS_MAX = 8192;

const TYPE_OF: Readonly<Record<CommandType, string>> = {
  "job-register": "JobRegistered",
  "job-deregister": "JobDeregistered",
  "job-stability": "JobRegistered",
  "job-version-tag": "JobRegistered",
  "periodic-launch": "JobRegistered",
  "scaling-event": "JobRegistered",
  "deployment-status": "DeploymentStatusUpdate",
  "deployment-promote": "DeploymentPromotion",
  "deployment-allocation-health": "DeploymentAllocHealth",
  "node-register": "NodeRegistration",
  "node-status": "NodeStreamEvent",
  "node-eligibility": "NodeEligibility",
  "node-drain": "NodeDrain",
  "node-pools-upsert": "NodePoolUpserted",
  "node-pools-delete": "NodePoolDeleted",
  "namespaces-upsert": "Operator",
  "namespaces-delete": "Operator",
  "node-purge": "NodeDeregistration",
  "evaluations-upsert": "EvaluationUpdated",
  "plan-apply": "PlanResult",
  "allocations-client-update": "AllocationUpdated",
  "allocations-desired-transition": "AllocationUpdateDesiredStatus",
  reap: "JobBatchDeregistered",
  "services-upsert": "ServiceRegistration",
  "services-delete": "ServiceDeregistration",
  "root-keys-upsert": "Operator",
  "root-key-delete": "Operator",
  "turn-take": "AllocationUpdated",
  "turn-give": "AllocationUpdated",
  // No events: variables have no topic.
  "variable-put": "VariableUpserted",
  "variable-delete": "VariableDeleted",
  "variable-lock": "VariableLocked",
  "variable-unlock": "VariableUnlocked",
  "variables-reseal": "Operator",
  "acl-policies-upsert": "ACLPolicyUpserted",
  "acl-policies-delete": "ACLPolicyDeleted",
  "acl-roles-upsert": "ACLRoleUpserted",
  "acl-roles-delete": "ACLRoleDeleted",
  "acl-tokens-upsert": "ACLTokenUpserted",
  "acl-tokens-delete": "ACLTokenDeleted",
  "acl-bootstrap": "ACLTokenUpserted",
  "acl-auth-methods-upsert": "ACLAuthMethodUpserted",
  "acl-auth-methods-delete": "ACLAuthMethodDeleted",
  "acl-binding-rules-upsert": "ACLBindingRuleUpserted",
  "acl-binding-rules-delete": "ACLBindingRuleDeleted",
  // No events: they have no topic.
  "one-time-token-put": "Operator",
  "one-time-tokens-delete": "Operator",
  leadership: "Operator",
  "restore-part": "Operator",
  "restore-commit": "Operator",
  "autopilot-configuration": "Operator",
  "scheduler-configuration": "Operator",
};

/** A record that is gone, of which a Change only has the name. */
export interface Gone {
  readonly topic: "Job" | "Node" | "NodePool";
  readonly record: object;
}

/** What has events but no place in a Change. */
export interface Beside {
  readonly nodePools: readonly NodePool[];
  readonly gone: readonly Gone[];
  readonly acl: readonly AclEvent[];
}

/** Of a Change only the records: its command would keep a whole entry alive. */
interface Buffered
  extends Pick<Change, "index" | "jobs" | "nodes" | "allocations" | "evaluations" | "deployments" | "services" | "goneServices">, Beside {
  readonly type: CommandType;
  readonly records: number;
}

export class EventBuffer implements EventStream {
  /** Position of entries[0], counted from the first ever. */
  #first = 0;
  #entries: Buffered[] = [];
  #records = 0;
  #wake = Promise.withResolvers<void>();

  get firstIndex(): number {
    return this.#entries[0]?.index ?? 0;
  }

  append(change: Change, { nodePools, gone, acl }: Beside): void {
    const { command, index, jobs, nodes, allocations, evaluations, deployments, services, goneServices } = change;
    const written = { jobs, nodes, allocations, evaluations, deployments, services, goneServices, nodePools, gone, acl };
    const records = Object.values(written).reduce((sum, { length }) => sum + length, 0);
    if (records === 0) return;
    this.#entries.push({ type: command.type, index, ...written, records });
    this.#records += records;
    while (this.#entries.length > ENTRIES_MAX || (this.#records > RECORDS_MAX && this.#entries.length > 1)) {
      this.#records -= this.#entries.shift()?.records ?? 0;
      this.#first++;
    }
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Everything is another: who reads cannot go on from where it was. */
  restart(): void {
    this.#first += this.#entries.length + 1;
    this.#entries = [];
    this.#records = 0;
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async *read(
    options: Parameters<EventStream["read"]>[0],
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly Index: number; readonly Events: readonly Event[] }> {
    let position = this.#positionOf(options.fromIndex);
    // Another one for each wait: one for all would keep something of every wait until the reader goes.
    let aborted = Promise.withResolvers<void>();
    const abort = () => aborted.resolve();
    signal.addEventListener("abort", abort, { once: true });
    try {
      while (!signal.aborted) {
        if (position < this.#first) throw lagged(this.firstIndex);
        const entry = this.#entries[position - this.#first];
        if (entry === undefined) {
          aborted = Promise.withResolvers();
          await Promise.race([this.#wake.promise, aborted.promise]);
          continue;
        }
        position++;
        const Events = eventsOf(entry).filter((event) => wanted(event, options.topics, options.namespace));
        if (Events.length > 0) yield { Index: entry.index, Events };
      }
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** 0: after the newest; otherwise the entry of that index or the next one still there. */
  #positionOf(fromIndex: number): number {
    if (fromIndex === 0) return this.#first + this.#entries.length;
    const at = this.#entries.findIndex(({ index }) => index >= fromIndex);
    return this.#first + (at < 0 ? this.#entries.length : at);
  }
}

function lagged(firstIndex: number): NamedError {
  return new NamedError(
    "EVENT_STREAM_LAGGED",
    `Cannot continue event stream: the reader fell behind the buffer, which starts at index ${firstIndex}`,
    {
      statusCode: 500,
      fix: `Subscribe again with index=${firstIndex} and read what was missed from the API.`,
    },
  );
}

function wanted(event: Event, topics: ReadonlyMap<string, readonly string[]>, namespace: string): boolean {
  if (namespace !== "*" && event.Namespace !== "" && event.Namespace !== namespace) return false;
  for (const topic of [event.Topic, "*"]) {
    for (const key of topics.get(topic) ?? []) {
      if (key === "*" || key === event.Key || event.FilterKeys.includes(key)) return true;
    }
  }
  return false;
}

type Named = {
  readonly ID?: string;
  readonly Name?: string;
  readonly Namespace?: string;
  readonly JobID?: string;
  readonly DeploymentID?: string;
  readonly ServiceName?: string;
};

/** Every record of an entry carries the type of what happened, as Nomad's do; where one entry here is two there, each has its own. */
function eventsOf(entry: Buffered): Event[] {
  const event = (Topic: string, record: Named, payload: unknown = record, Type: string = TYPE_OF[entry.type]): Event => ({
    Topic,
    Type,
    Key: record.ID ?? record.Name ?? "",
    Namespace: record.Namespace ?? "",
    FilterKeys: [record.JobID ?? "", record.DeploymentID ?? "", record.ServiceName ?? ""].filter((key) => key !== ""),
    Index: entry.index,
    Payload: { [Topic]: payload },
  });
  return [
    ...entry.jobs.map((job) => event("Job", job)),
    ...entry.nodes.map((node) => event("Node", node, { ...node, SecretID: "" })),
    ...entry.nodePools.map((pool) => event("NodePool", pool, pool, "NodePoolUpserted")),
    ...entry.evaluations.map((evaluation) => event("Evaluation", evaluation, evaluation, evaluationType(entry.type))),
    ...entry.deployments.map((deployment) => event("Deployment", deployment)),
    ...entry.allocations.map((allocation) => event("Allocation", allocation, withoutJob(allocation))),
    ...entry.services.map((service) => event("Service", service, service, "ServiceRegistration")),
    ...entry.goneServices.map((service) => event("Service", service, service, "ServiceDeregistration")),
    ...entry.acl.map(({ topic, type, key, filterKeys, payload }) => ({
      Topic: topic,
      Type: type,
      Key: key,
      Namespace: "",
      FilterKeys: filterKeys,
      Index: entry.index,
      Payload: { [topic]: payload },
    })),
    ...entry.gone.map(({ topic, record }) => event(topic, record as Named, topic === "Node" ? { ...record, SecretID: "" } : record)),
  ];
}

/** A plan brings the outcome of its evaluation along, which elsewhere is an update of its own. */
function evaluationType(type: CommandType): string {
  return type === "plan-apply" ? TYPE_OF["evaluations-upsert"] : TYPE_OF[type];
}

function withoutJob(allocation: Allocation): Omit<Allocation, "Job"> {
  const { Job: _job, ...rest } = allocation;
  return rest;
}
