/**
 * How the tasks, ports and kinds of the mesh are called. A task's Kind is `<kind>:<service>`; the sidecar of service "api" is the task
 * "connect-proxy-api" on the port "connect-proxy-api". nomad.md §1.7.
 */
import type { Connect, Service } from "./service.ts";
import type { Task } from "./task.ts";

export type MeshKind = "connect-proxy" | "connect-native" | "connect-ingress" | "connect-terminating" | "connect-mesh" | "connect-api";

const KINDS: readonly MeshKind[] = [
  "connect-proxy",
  "connect-native",
  "connect-ingress",
  "connect-terminating",
  "connect-mesh",
  "connect-api",
];

/** undefined: the task has nothing to do with the mesh. */
export function meshKindOf(task: Pick<Task, "Kind">): { readonly kind: MeshKind; readonly service: string } | undefined {
  const colon = task.Kind.indexOf(":");
  const kind = KINDS.find((each) => each === task.Kind.slice(0, Math.max(colon, 0)));
  return kind === undefined ? undefined : { kind, service: task.Kind.slice(colon + 1) };
}

/** It runs an Envoy that we tell what to do: a sidecar or a gateway. */
export function isProxyTask(task: Pick<Task, "Kind">): boolean {
  const found = meshKindOf(task);
  return found !== undefined && found.kind !== "connect-native";
}

export const sidecarTaskName = (service: string): string => `connect-proxy-${service}`;
/** Of the sidecar's public listener. */
export const sidecarPortLabel = (service: string): string => `connect-proxy-${service}`;

/** Which kind of gateway; undefined: it is none. The api gateway is a service of Kind "api-gateway". */
export function gatewayKindOf(connect: Connect | null): "connect-ingress" | "connect-terminating" | "connect-mesh" | undefined {
  const gateway = connect?.Gateway;
  if (gateway === null || gateway === undefined) return undefined;
  if (gateway.Ingress !== null) return "connect-ingress";
  if (gateway.Terminating !== null) return "connect-terminating";
  return gateway.Mesh === null ? undefined : "connect-mesh";
}

/** As gatewayKindOf, of a whole service: the api gateway too. */
export function gatewayKindOfService(
  service: Pick<Service, "Kind" | "Connect">,
): Exclude<MeshKind, "connect-proxy" | "connect-native"> | undefined {
  const isApi = service.Kind === "api-gateway" && (service.Connect?.Gateway ?? null) !== null;
  return gatewayKindOf(service.Connect) ?? (isApi ? "connect-api" : undefined);
}
