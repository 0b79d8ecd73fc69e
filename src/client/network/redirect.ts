/** transparent_proxy of a group's sidecar, as what is to happen to the traffic of its namespace. Pure. nomad.md §1.7. */
import { sidecarPortLabel, type Allocation, type Node, type TaskGroup } from "#model";
import type { TrafficRedirect } from "#ports";

export interface RedirectOf {
  readonly allocation: Allocation;
  readonly group: TaskGroup;
  /** Its meta names the proxy's user and port where the job does not. */
  readonly node: Pick<Node, "Meta">;
  /** Interpolates. */
  readonly text: (value: string) => string;
}

const PROXY_USER_ID = 101;
const OUTBOUND_PORT = 15_001;

/** null: no service of the group wants it, or its sidecar has no port to send what comes in to. */
export function trafficRedirect({ allocation, group, node, text }: RedirectOf): TrafficRedirect | null {
  for (const service of group.Services) {
    const sidecar = service.Connect?.SidecarService ?? null;
    const wanted = sidecar?.Proxy?.TransparentProxy ?? null;
    if (sidecar === null || wanted === null) continue;
    const inside = (written: string) => insidePort(allocation, text(written));
    const inboundPort = inside(sidecar.Port || sidecarPortLabel(text(service.Name)));
    if (inboundPort === undefined) return null;
    const exposed = sidecar.Proxy?.Expose?.Paths.map((path) => path.ListenerPort) ?? [];
    return {
      proxyUserId: number(text(wanted.UID)) ?? number(node.Meta["connect.transparent_proxy.default_uid"] ?? "") ?? PROXY_USER_ID,
      outboundPort: wanted.OutboundPort || (number(node.Meta["connect.transparent_proxy.default_outbound_port"] ?? "") ?? OUTBOUND_PORT),
      inboundPort,
      excludeInboundPorts: unique([...wanted.ExcludeInboundPorts, ...exposed].map(inside)),
      excludeOutboundPorts: wanted.ExcludeOutboundPorts,
      excludeOutboundCidrs: wanted.ExcludeOutboundCIDRs.map(text),
      excludeUserIds: unique(wanted.ExcludeUIDs.map((each) => number(text(each)))),
    };
  }
  return null;
}

/** A label's port inside, or a number as it is. */
function insidePort(allocation: Allocation, port: string): number | undefined {
  const found = allocation.AllocatedResources.Shared.Ports.find((each) => each.Label === port);
  if (found !== undefined) return found.To > 0 ? found.To : found.Value;
  return number(port);
}

function number(written: string): number | undefined {
  return /^[0-9]{1,9}$/.test(written) ? Number(written) : undefined;
}

function unique(numbers: readonly (number | undefined)[]): readonly number[] {
  return [...new Set(numbers.filter((each) => each !== undefined))];
}
