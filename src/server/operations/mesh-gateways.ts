/**
 * What gateways of a job serve is written where the mesh keeps it, before the job itself: a gateway that starts has something to serve, and a
 * job whose entry is refused is not registered. Taken away again when the job is forgotten. nomad.md §1.7.
 *
 *   ingress, terminating    an entry each, under the service's name
 *   mesh, api               none: the first needs none, the second is its operator's to write
 */
import { gatewayKindOf, type Gateway, type Job } from "#model";
import type { Mesh } from "#ports";
import { messageOf } from "#std";
import type { ServerContext } from "../context.ts";

interface JobGateway {
  readonly service: string;
  readonly definition: Gateway;
}

/** Rejects with the Mesh's NamedErrors. Resolves with what the author should know. */
export async function writeGateways({ mesh }: Pick<ServerContext, "mesh">, job: Job): Promise<readonly string[]> {
  const gateways = gatewaysOf(job);
  if (mesh === undefined) return gateways.map(({ service }) => `gateway ${JSON.stringify(service)}: this server knows no Consul, what it serves was not written there`);
  for (const gateway of gateways) await mesh.writeGateway({ ...gateway, namespace: job.Namespace, jobId: job.ID });
  return [];
}

/** In the background: a job is gone when it is gone, whether Consul answers or not. */
export function removeGateways({ mesh, report, cluster }: Pick<ServerContext, "mesh" | "report" | "cluster">, job: Job): void {
  const gateways = mesh === undefined ? [] : gatewaysOf(job);
  if (mesh === undefined || gateways.length === 0) return;
  // Another job may run the same gateway: what it serves is that one's too.
  const others = [...cluster.state.snapshot().jobs("*")].filter(
    (each) => !each.Stop && (each.ID !== job.ID || each.Namespace !== job.Namespace),
  );
  const used = new Set(others.flatMap((each) => gatewaysOf(each).map(({ service }) => service)));
  for (const { service } of gateways) if (!used.has(service)) void removeOne(mesh, report, job, service);
}

async function removeOne(mesh: Mesh, report: ServerContext["report"], job: Job, service: string): Promise<void> {
  try {
    await mesh.removeGateway({ service, namespace: job.Namespace, jobId: job.ID });
  } catch (thrown) {
    report({
      level: "warn",
      message: "entry of a gateway stays in Consul",
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
