/** A mesh in this process, for tests: who stands in it, who may talk to whom, what gateways serve; it can be away and deny. */
import type { Gateway } from "#model";
import type { GatewayOfJob, Intention, Mesh, MeshEndpoint, MeshHttpTls, MeshService } from "#ports";
import { NamedError } from "#std";

export interface MemoryMesh extends Mesh {
  httpAddress: string;
  tls: MeshHttpTls | undefined;
  readonly services: Map<string, MeshService>;
  /** Higher precedence decides. */
  readonly rules: Intention[];
  defaultAllow: boolean;
  /** Of gateways, by service; `jobId` "": somebody else's. */
  readonly entries: Map<string, { readonly namespace: string; readonly jobId: string; readonly definition: Gateway }>;
  /** What was written, in order: "write NAME", "remove NAME". */
  readonly written: string[];
  at: MeshEndpoint | undefined;
  away: boolean;
  /** The rule the token lacks; "": it may do everything. */
  lacks: string;
}

export function createMemoryMesh(): MemoryMesh {
  /** A request takes a turn of the event loop, as one over the network does. */
  async function ask<Answer>(perform: () => Answer): Promise<Answer> {
    await Promise.resolve();
    if (mesh.away) throw new NamedError("MESH_UNREACHABLE", "Cannot reach the mesh: nobody answers", { statusCode: 503 });
    if (mesh.lacks !== "")
      throw new NamedError("MESH_DENIED", "Cannot ask the mesh: permission denied", {
        statusCode: 403,
        fix: `The agent's token for Consul needs a policy with: ${mesh.lacks}`,
      });
    return perform();
  }
  const stepOf = ({ service, namespace, jobId, definition }: GatewayOfJob): "none" | "create" | "change" => {
    const standing = mesh.entries.get(service);
    if (definition.Ingress === null && definition.Terminating === null) return "none";
    if (standing === undefined) return "create";
    const same = JSON.stringify(standing.definition) === JSON.stringify(definition);
    if (standing.jobId === "" && !same)
      throw new NamedError("MESH_REFUSED", `Cannot write gateway "${service}": one of that name was made by somebody else`, {
        statusCode: 400,
      });
    return same && (standing.jobId === "" || (standing.jobId === jobId && standing.namespace === namespace)) ? "none" : "change";
  };
  const inOrder = (found: readonly Intention[]) => found.toSorted((left, right) => right.precedence - left.precedence);
  const names = (said: string, name: string) => said === name || said === "*";
  const mesh: MemoryMesh = {
    services: new Map(),
    rules: [],
    defaultAllow: true,
    entries: new Map(),
    written: [],
    at: undefined,
    away: false,
    lacks: "",
    httpAddress: "http://127.0.0.1:8500",
    tls: undefined,
    httpTls: () => mesh.tls,
    endpoint: () => ask(() => mesh.at),
    speaks: (endpoint) => Promise.resolve(!mesh.away && endpoint.port === mesh.at?.port),
    mayConnect: (source, destination) =>
      ask(() => {
        const because = inOrder(mesh.rules).find((each) => names(each.source, source) && names(each.destination, destination));
        const some = because?.action === "permissions" && because.permissions.some((each) => each.startsWith("allow"));
        const allowed = because === undefined ? mesh.defaultAllow : because.action === "allow" || some;
        const declared = mesh.rules.some((each) => each.destination === destination && each.declared === true);
        return { allowed, because, defaultAllow: mesh.defaultAllow, ...(declared && { declared }) };
      }),
    intentions: (service) =>
      ask(() => inOrder(mesh.rules.filter((each) => names(each.source, service) || names(each.destination, service)))),
    service: (name) => ask(() => mesh.services.get(name)),
    authority: () => ask(() => ({ provider: "consul", trustDomain: "11111111-2222-3333-4444-555555555555.consul", roots: 1 })),
    planGateway: (gateway) => ask(() => stepOf(gateway)),
    writeGateway: (gateway) =>
      ask(() => {
        if (stepOf(gateway) === "none") return;
        const { service, namespace, jobId, definition } = gateway;
        mesh.entries.set(service, { namespace, jobId, definition: structuredClone(definition) });
        mesh.written.push(`write ${service}`);
      }),
    removeGateway: ({ service, namespace, jobId }) =>
      ask(() => {
        const standing = mesh.entries.get(service);
        if (standing?.jobId !== jobId || standing.namespace !== namespace || jobId === "") return;
        mesh.entries.delete(service);
        mesh.written.push(`remove ${service}`);
      }),
  };
  return mesh;
}
