/**
 * What tasks of a group in the mesh are told of it, and where its proxies answer inside its network: derived from names alone, so that they are the
 * same before and after a restart. Pure. nomad.md §1.7, §2.1.
 */
import type { AllocationId, Service, TaskGroup } from "#model";
import { interpolate, type Names } from "./interpolate.ts";
import { variableName } from "./port-variables.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface ProxyAddresses {
  /** Envoy's admin API, for people. */
  readonly admin: HostPort;
  /** Answers GET /ready. */
  readonly ready: HostPort;
}

const ADMIN_FIRST = 19_001;
const READY_FIRST = 19_101;

/** `service`: as its group has it. In a network of its own each allocation has the same; on the machine's no two have. undefined: there is none of the name. */
export function proxyAddresses(
  allocationId: AllocationId,
  group: TaskGroup,
  isService: (service: Service) => boolean,
): ProxyAddresses | undefined {
  const index = group.Services.findIndex(isService);
  if (index < 0) return undefined;
  const mode = group.Networks[0]?.Mode ?? "";
  const shared = mode === "" || mode === "host";
  const own = shared ? ownLoopback(allocationId) : undefined;
  return {
    admin: { host: own ?? "127.0.0.2", port: ADMIN_FIRST + index },
    ready: { host: own ?? "127.0.0.1", port: READY_FIRST + index },
  };
}

/** One of the four million addresses 127.64.0.0/10 that lead to this machine alone: gateways on the host's network do not meet. */
function ownLoopback(allocationId: AllocationId): string {
  const digits = Number.parseInt(allocationId.replaceAll("-", "").slice(0, 6), 16) || 0;
  return `127.${64 + ((digits >> 16) & 63)}.${(digits >> 8) & 255}.${1 + ((digits & 255) % 254)}`;
}

/** Both spellings of a name: as it is, and as a variable may be called. */
export function* meshVariables(allocationId: AllocationId, group: TaskGroup, names: Names): Generator<[string, string]> {
  for (const service of group.Services) {
    const { Connect } = service;
    if (Connect === null || (Connect.SidecarService === null && Connect.Gateway === null)) continue;
    const addresses = proxyAddresses(allocationId, group, (each) => each === service);
    const name = interpolate(service.Name, names);
    if (addresses !== undefined) {
      yield* spelled("NOMAD_ENVOY_ADMIN_ADDR_", name, `${addresses.admin.host}:${addresses.admin.port}`);
      yield* spelled("NOMAD_ENVOY_READY_ADDR_", name, `${addresses.ready.host}:${addresses.ready.port}`);
    }
    for (const upstream of Connect.SidecarService?.Proxy?.Upstreams ?? []) {
      if (upstream.LocalBindPort === 0) continue;
      const destination = interpolate(upstream.DestinationName, names);
      const host = interpolate(upstream.LocalBindAddress, names) || "127.0.0.1";
      yield* spelled("NOMAD_UPSTREAM_ADDR_", destination, `${host}:${upstream.LocalBindPort}`);
      yield* spelled("NOMAD_UPSTREAM_IP_", destination, host);
      yield* spelled("NOMAD_UPSTREAM_PORT_", destination, String(upstream.LocalBindPort));
    }
  }
}

function* spelled(prefix: string, name: string, value: string): Generator<[string, string]> {
  for (const each of new Set([name, variableName(name)])) yield [prefix + each, value];
}
