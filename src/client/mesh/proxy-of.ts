/** Whom a proxy task stands for, and how its parts are called, from the allocation and what it offers. Pure. nomad.md §1.7. */
import { meshKindOf, type MeshKind, type Service, type Task, type TaskGroup } from "#model";
import type { BootstrapRequest, ProxyRegistration, ServiceInstance } from "#ports";
import { interpolate, type Names } from "#task";

/** Below the task's directory. */
export const BOOTSTRAP_FILE = "secrets/envoy_bootstrap.json";
export const SOCKET_NAME = "envoy.sock";
/** Below the directory that all tasks share. */
export const GRPC_SOCKET = "tmp/consul_grpc.sock";
export const HTTP_SOCKET = "tmp/consul_http.sock";

export interface ProxyTask {
  readonly kind: Exclude<MeshKind, "connect-native">;
  /** As it is registered. */
  readonly name: string;
  /** As the group has it; undefined: the group has none of that name. */
  readonly service: Service | undefined;
}

/** undefined: it is no proxy. */
export function proxyOf(task: Pick<Task, "Kind">, group: TaskGroup, names: Names): ProxyTask | undefined {
  const found = meshKindOf(task);
  if (found === undefined || found.kind === "connect-native") return undefined;
  const name = interpolate(found.service, names);
  const service = group.Services.find((each) => each.Name === found.service || interpolate(each.Name, names) === name);
  return { kind: found.kind, name: service === undefined ? name : interpolate(service.Name, names), service };
}

/** Who Consul takes it for; undefined: what is offered has no proxy. */
export function registrationOf(
  instance: ServiceInstance,
): { readonly id: string; readonly kind: BootstrapRequest["kind"]; readonly proxy: ProxyRegistration } | undefined {
  const { Mesh, ID, Kind } = instance;
  if (Mesh?.kind === "sidecar") return { id: Mesh.sidecar.ID, kind: "connect-proxy", proxy: Mesh.sidecar.Proxy };
  if (Mesh?.kind !== "gateway") return undefined;
  const kind = GATEWAYS.find((each) => each === Kind);
  return kind === undefined ? undefined : { id: ID, kind, proxy: Mesh.proxy };
}

const GATEWAYS = ["ingress-gateway", "terminating-gateway", "mesh-gateway", "api-gateway"] as const;

/** Of a sidecar: its public one, one for each upstream, and one for all that leaves where that is redirected. Of gateways, and where its author wrote them, nobody knows. */
export function listenersWanted(kind: BootstrapRequest["kind"], proxy: ProxyRegistration): number {
  if (kind !== "connect-proxy" || isSaid(proxy.Config["envoy_public_listener_json"])) return 0;
  const bound = proxy.Upstreams.filter((each) => each.LocalBindPort !== 0 || each.LocalBindSocketPath !== "");
  // A peer's may be away, and with it the listener.
  const near = bound.filter((each) => each.DestinationPeer === "");
  return 1 + near.length + (proxy.Mode === "transparent" ? 1 : 0);
}

const isSaid = (value: unknown): boolean => value !== undefined && value !== null && value !== "";

/** Tasks of the group that are proxies. */
export function proxyTasks(group: TaskGroup): readonly Task[] {
  return group.Tasks.filter((each) => {
    const kind = meshKindOf(each)?.kind;
    return kind !== undefined && kind !== "connect-native";
  });
}

/** The group has to do with the mesh: `grpc`: it has proxies; `http`: services that speak for themselves. */
export function socketsWanted(group: TaskGroup): { readonly grpc: boolean; readonly http: boolean } {
  const native =
    group.Tasks.some((each) => meshKindOf(each)?.kind === "connect-native") || group.Services.some((each) => each.Connect?.Native === true);
  return { grpc: proxyTasks(group).length > 0, http: native };
}
