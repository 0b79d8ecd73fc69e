/**
 * Checks with `expose`: Consul's agent cannot look into the allocation's network, so that the sidecar lets the check's path, and nothing
 * else, in without mTLS, on a port of its own. nomad.md §1.6, §1.12.
 *
 *   no port ─► a dynamic port is added and named in the check          its label is made of the check: the same each time
 *   ────────► a path of the sidecar's `expose`, from that port to the service's own      once
 */
import { createHash } from "node:crypto";
import type { Check, ExposePath, Job, Port, Proxy as ProxyBlock, Service, TaskGroup } from "#model";
import { Proxy } from "#model";
import type { Admission } from "../admission.ts";
import { defaultsOf } from "../settle.ts";

const GRPC_HEALTH = "/grpc.health.v1.Health/Check";

/** Step. */
export function exposeChecks({ job }: Admission): Job {
  return { ...job, TaskGroups: job.TaskGroups.map((group) => group.Services.reduce((now, _, index) => withExposed(now, index), group)) };
}

function withExposed(group: TaskGroup, index: number): TaskGroup {
  const [network] = group.Networks;
  const service = group.Services[index] as Service;
  const sidecar = service.Connect?.SidecarService ?? null;
  const local = localPort(group, service.PortLabel);
  if (sidecar === null || network === undefined || local === undefined || !service.Checks.some(isExposable)) return group;
  const Checks = service.Checks.map((check, c) =>
    isExposable(check) && check.PortLabel === "" ? { ...check, PortLabel: labelOf(service, check, c) } : check,
  );
  const known = new Set([...network.ReservedPorts, ...network.DynamicPorts].map((port) => port.Label));
  const added = Checks.filter((check, c) => isExposable(check) && service.Checks[c]?.PortLabel === "" && !known.has(check.PortLabel));
  const proxy = sidecar.Proxy ?? (defaultsOf(Proxy) as unknown as ProxyBlock);
  const before = proxy.Expose?.Paths ?? [];
  const missing = Checks.filter(isExposable)
    .map((check) => pathOf(check, local))
    .filter((path) => before.every((each) => each.Path !== path.Path || each.ListenerPort !== path.ListenerPort));
  const settled: Service = {
    ...service,
    Checks,
    Connect: {
      ...(service.Connect as NonNullable<Service["Connect"]>),
      SidecarService: { ...sidecar, Proxy: { ...proxy, Expose: { Paths: [...before, ...missing] } } },
    },
  };
  const ports = added.map(({ PortLabel }): Port => ({
    Label: PortLabel,
    Value: 0,
    To: -1,
    HostNetwork: "default",
    IgnoreCollision: false,
  }));
  return {
    ...group,
    Networks: [{ ...network, DynamicPorts: [...network.DynamicPorts, ...ports] }, ...group.Networks.slice(1)],
    Services: group.Services.map((each, at) => (at === index ? settled : each)),
  };
}

export function isExposable(check: Check): boolean {
  return check.Expose && (check.Type === "http" || check.Type === "grpc");
}

/** Where the service listens inside; undefined: that is known only where it runs. */
export function localPort(group: TaskGroup, label: string): number | undefined {
  if (/^\d+$/.test(label)) return Number(label);
  const port = group.Networks.flatMap((network) => [...network.ReservedPorts, ...network.DynamicPorts]).find(
    (each) => each.Label === label,
  );
  if (port === undefined) return undefined;
  const number = port.To > 0 ? port.To : port.Value;
  return number > 0 ? number : undefined;
}

function pathOf(check: Check, local: number): ExposePath {
  const isGrpc = check.Type === "grpc";
  return {
    Path: isGrpc ? GRPC_HEALTH : check.Path,
    Protocol: isGrpc ? "http2" : "http",
    LocalPathPort: local,
    ListenerPort: check.PortLabel,
  };
}

function labelOf(service: Service, check: Check, index: number): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([service.Name, check.Name, check.Type, check.Path, index]))
    .digest("hex");
  return `svc_${service.Name}_ck_${digest.slice(0, 6)}`;
}
