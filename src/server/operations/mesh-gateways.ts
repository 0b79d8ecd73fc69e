/**
 * What gateways of a job serve is written where the mesh keeps it, before the job itself: a gateway that starts has something to serve, and a
 * job whose entry is refused is not registered. Taken away again when the job is forgotten. nomad.md §1.7.
 *
 *   ingress, terminating    an entry each, under the service's name
 *   mesh, api               none: the first needs none, the second is its operator's to write
 */
import { isDeepStrictEqual } from "node:util";
import { gatewayKindOf, type Gateway, type Job } from "#model";
import type { Mesh } from "#ports";
import type { Snapshot } from "#state";
import { messageOf, NamedError } from "#std";
import type { ServerContext } from "../context.ts";

interface JobGateway {
  readonly service: string;
  readonly definition: Gateway;
}

/** Rejects with the Mesh's NamedErrors. Resolves with what the author should know. */
export async function writeGateways({ mesh, cluster }: Pick<ServerContext, "mesh" | "cluster">, job: Job): Promise<readonly string[]> {
  const gateways = gatewaysOf(job);
  if (mesh === undefined)
    return gateways.map(
      ({ service }) => `gateway ${JSON.stringify(service)}: this server knows no Consul, what it serves was not written there`,
    );
  for (const gateway of gateways) await mesh.writeGateway({ ...gateway, namespace: job.Namespace, jobId: job.ID });
  return otherwise(cluster.state.snapshot(), job).map(
    ({ service, other }) =>
      `gateway ${JSON.stringify(service)}: ${whose(other)} runs it too and says it serves something else; what this job says holds now`,
  );
}

/** In the background, after a deployment took its job back: the version that holds now says what its gateways serve. */
export function restoreGateways(context: Pick<ServerContext, "mesh" | "report" | "cluster">, namespace: string, id: string): void {
  const job = context.cluster.state.snapshot().job(namespace, id);
  if (context.mesh === undefined || job === undefined || job.Stop) return;
  void writeGateways(context, job).catch((thrown: unknown) => {
    context.report({
      level: "warn",
      message: "entries of gateways stay as the version that was rolled back wrote them",
      fields: { job_id: id, namespace, version: job.Version, error: messageOf(thrown) },
    });
  });
}

/** What registering the job would do to the entries, and what would be in its way: a sentence each, never an error. */
export async function planGateways({ mesh, cluster }: Pick<ServerContext, "mesh" | "cluster">, job: Job): Promise<readonly string[]> {
  const others = otherwise(cluster.state.snapshot(), job);
  const said = await Promise.all(
    gatewaysOf(job).map(async ({ service, definition }): Promise<readonly string[]> => {
      const name = `gateway ${JSON.stringify(service)}`;
      if (mesh === undefined) return [`${name}: this server knows no Consul, what it serves would not be written there`];
      try {
        const step = await mesh.planGateway?.({ service, definition, namespace: job.Namespace, jobId: job.ID });
        const kind = definition.Ingress === null ? "terminating-gateway" : "ingress-gateway";
        const other = others.find((each) => each.service === service)?.other;
        const against = other === undefined ? "" : `, against what ${whose(other)} says`;
        if (step === "create") return [`${name}: Consul's entry ${kind} ${JSON.stringify(service)} would be written`];
        return step === "change" ? [`${name}: Consul's entry ${kind} ${JSON.stringify(service)} would be changed${against}`] : [];
      } catch (thrown) {
        const refused = thrown instanceof NamedError && thrown.code !== "MESH_UNREACHABLE";
        return [`${name}: ${refused ? "the job would be refused" : "what would become of its entry cannot be said"}: ${messageOf(thrown)}`];
      }
    }),
  );
  return said.flat();
}

/** A gateway can serve one thing only: a job that comes to one which another job runs has to say the same. One that ran it already may change it. */
export function gatewaysTaken(snapshot: Snapshot, job: Job): readonly string[] {
  const stored = snapshot.job(job.Namespace, job.ID);
  const had = new Set(stored === undefined || stored.Stop ? [] : gatewaysOf(stored).map(({ service }) => service));
  return otherwise(snapshot, job)
    .filter(({ service }) => !had.has(service))
    .map(
      ({ service, other }) =>
        `gateway ${JSON.stringify(service)} is run by ${whose(other)}, which says it serves something else: say the same, or call the service otherwise`,
    );
}

/** Gateways of the job that another one, which is not stopped, runs too and says other things of. */
function otherwise(snapshot: Snapshot, job: Job): readonly { readonly service: string; readonly other: Job }[] {
  const gateways = gatewaysOf(job);
  return gateways.flatMap(({ service, definition }) => {
    const other = othersOf(snapshot, job).find((each) =>
      gatewaysOf(each).some((theirs) => theirs.service === service && !isDeepStrictEqual(served(theirs.definition), served(definition))),
    );
    return other === undefined ? [] : [{ service, other }];
  });
}

const served = ({ Ingress, Terminating }: Gateway) => ({ Ingress, Terminating });
const whose = ({ ID, Namespace }: Job): string =>
  `job ${JSON.stringify(ID)}${Namespace === "default" ? "" : ` of namespace ${JSON.stringify(Namespace)}`}`;

function othersOf(snapshot: Snapshot, job: Job): readonly Job[] {
  return [...snapshot.jobs("*")].filter((each) => !each.Stop && (each.ID !== job.ID || each.Namespace !== job.Namespace));
}

/** In the background: a job is gone when it is gone, whether Consul answers or not. */
export function removeGateways({ mesh, report, cluster }: Pick<ServerContext, "mesh" | "report" | "cluster">, job: Job): void {
  const gateways = mesh === undefined ? [] : gatewaysOf(job);
  if (mesh === undefined || gateways.length === 0) return;
  const others = othersOf(cluster.state.snapshot(), job);
  for (const { service } of gateways) {
    // Another job may run the same gateway: what that one says holds from now on, and goes with it.
    const heir = others
      .flatMap((each) => gatewaysOf(each).map((gateway) => ({ ...gateway, job: each })))
      .find((each) => each.service === service);
    void settleOne(mesh, report, job, service, heir);
  }
}

async function settleOne(
  mesh: Mesh,
  report: ServerContext["report"],
  job: Job,
  service: string,
  heir: (JobGateway & { readonly job: Job }) | undefined,
): Promise<void> {
  try {
    if (heir === undefined) await mesh.removeGateway({ service, namespace: job.Namespace, jobId: job.ID });
    else await mesh.writeGateway({ service, definition: heir.definition, namespace: heir.job.Namespace, jobId: heir.job.ID });
  } catch (thrown) {
    report({
      level: "warn",
      message: heir === undefined ? "entry of a gateway stays in Consul" : "entry of a gateway stays as a job that is gone wrote it",
      fields: { job_id: job.ID, namespace: job.Namespace, service, error: messageOf(thrown) },
    });
  }
}

function gatewaysOf(job: Job): readonly JobGateway[] {
  return job.TaskGroups.flatMap((group) => group.Services).flatMap(({ Name, Connect }): JobGateway[] => {
    const kind = gatewayKindOf(Connect);
    const definition = Connect?.Gateway;
    if (definition === undefined || definition === null || kind === undefined || kind === "connect-mesh") return [];
    return [{ service: Name, definition }];
  });
}
