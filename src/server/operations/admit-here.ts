/**
 * Would this cluster have the job, as it is now? What admission cannot know: which namespaces and pools there are, what a namespace allows,
 * what the job was before. Asked by register, plan and validate alike. nomad.md §1.2, §1.12, §7.
 */
import { isParameterized, type Job, type NamespaceRecord } from "#model";
import { type AdmissionContext, offersService } from "#jobspec";
import type { Snapshot } from "#state";
import type { ServerContext } from "../context.ts";
import { gatewaysTaken } from "./mesh-gateways.ts";

/** Admission with what this cluster's settings say at the moment. */
export function admissionHere({ admission, cluster }: ServerContext): AdmissionContext {
  const snapshot = cluster.state.snapshot();
  const everywhere = snapshot.schedulerConfiguration().MemoryOversubscriptionEnabled;
  return {
    ...admission,
    memoryOversubscription: (pool) => snapshot.nodePool(pool)?.SchedulerConfiguration?.MemoryOversubscriptionEnabled ?? everywhere,
    knownServices: (namespace, name) => {
      for (const job of snapshot.jobs(namespace)) if (!job.Stop && offersService(job, name)) return true;
      return false;
    },
  };
}

/** What is in the way, one sentence each; empty: nothing. */
export function obstaclesTo(snapshot: Snapshot, job: Job): readonly string[] {
  const stored = snapshot.job(job.Namespace, job.ID);
  const namespace = snapshot.namespace(job.Namespace);
  return [
    ...(namespace === undefined ? [`nonexistent namespace ${JSON.stringify(job.Namespace)}`] : forbidden(namespace, job)),
    ...(snapshot.nodePool(job.NodePool) === undefined ? [`nonexistent node pool ${JSON.stringify(job.NodePool)}`] : []),
    ...(stored === undefined ? [] : conversions(stored, job)),
    ...gatewaysTaken(snapshot, job),
  ];
}

function* forbidden(namespace: NamespaceRecord, job: Job): Generator<string> {
  const rules = namespace.Capabilities;
  if (rules === null) return;
  const allowed = (word: string, enabled: readonly string[], disabled: readonly string[]): boolean =>
    (enabled.length === 0 || enabled.includes(word)) && !disabled.includes(word);
  for (const group of job.TaskGroups) {
    for (const network of group.Networks) {
      const mode = network.Mode === "" ? "host" : network.Mode;
      if (!allowed(mode, rules.EnabledNetworkModes, rules.DisabledNetworkModes)) {
        yield `group ${JSON.stringify(group.Name)} uses network mode ${JSON.stringify(mode)}, which namespace ${JSON.stringify(namespace.Name)} does not allow`;
      }
    }
    for (const task of group.Tasks) {
      if (!allowed(task.Driver, rules.EnabledTaskDrivers, rules.DisabledTaskDrivers)) {
        yield `task ${JSON.stringify(task.Name)} of group ${JSON.stringify(group.Name)} uses driver ${JSON.stringify(task.Driver)}, which namespace ${JSON.stringify(namespace.Name)} does not allow`;
      }
    }
  }
}

/** What a job is cannot be changed under its allocations and children. */
function* conversions(stored: Job, job: Job): Generator<string> {
  if (stored.Type !== job.Type)
    yield `it is of type ${JSON.stringify(stored.Type)} and cannot become ${JSON.stringify(job.Type)}: the type is immutable`;
  const changed = (what: string, before: boolean, after: boolean): string[] =>
    before === after ? [] : [`cannot update ${before ? "" : "non-"}${what} job to being ${after ? "" : "non-"}${what}`];
  yield* changed("periodic", stored.Periodic !== null, job.Periodic !== null);
  yield* changed("parameterized", isParameterized(stored), isParameterized(job));
  if (stored.Dispatched !== job.Dispatched) yield "Dispatched is read-only";
}
