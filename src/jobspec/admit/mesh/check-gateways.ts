/** Gateways: one kind, what it serves, and where it listens. nomad.md §1.7. */
import type { Gateway, Service, TaskGroup } from "#model";
import { insidePort, isHostNetwork, isOwnNetwork } from "../check-network.ts";
import { type Finding, type Place, problem, warning } from "../finding.ts";

const PROTOCOLS = ["tcp", "http", "http2", "grpc"];
const DNS_TYPES = ["", "STRICT_DNS", "LOGICAL_DNS"];
const TLS_VERSIONS = ["", "TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"];

export function* checkGateway(at: Place, service: Service, gateway: Gateway, group: TaskGroup): Iterable<Finding> {
  const written = [
    gateway.Ingress === null ? "" : "ingress",
    gateway.Terminating === null ? "" : "terminating",
    gateway.Mesh === null ? "" : "mesh",
  ].filter((word) => word !== "");
  if (written.length > 1) yield problem(at, "Connect.Gateway", `gateway has ${written.join(" and ")}: keep one of them`);
  if (written.length === 0 && service.Kind !== "api-gateway")
    yield problem(
      at,
      "Connect.Gateway",
      `gateway is of no kind: write ingress { … }, terminating { … } or mesh {} in it, or kind = "api-gateway" in the service`,
    );
  const mode = group.Networks[0]?.Mode ?? "";
  if (group.Networks.length === 0)
    yield problem(at, "Connect.Gateway", `a gateway needs a network block in its group: network { mode = "bridge" }, or "host"`);
  else if (!isHostNetwork(mode) && !isOwnNetwork(mode))
    yield problem(at, "Connect.Gateway", `the group's network mode is ${JSON.stringify(mode)}, a gateway needs bridge, host or cni/NAME`);
  if (service.PortLabel === "") yield problem(at, "PortLabel", `port is missing: the label of the port others reach the gateway at`);
  yield* checkProxy(at, gateway);
  if (gateway.Ingress !== null) yield* checkIngress(at, gateway.Ingress, group);
  if (gateway.Terminating !== null) yield* checkTerminating(at, gateway.Terminating);
}

function* checkProxy(at: Place, { Proxy: proxy }: Gateway): Iterable<Finding> {
  if (proxy === null) return;
  const field = (name: string) => `Connect.Gateway.Proxy.${name}`;
  if (proxy.ConnectTimeout !== null && proxy.ConnectTimeout <= 0)
    yield problem(at, field("ConnectTimeout"), "connect_timeout must be more than 0");
  if (!DNS_TYPES.includes(proxy.EnvoyDNSDiscoveryType))
    yield problem(
      at,
      field("EnvoyDNSDiscoveryType"),
      `envoy_dns_discovery_type is ${JSON.stringify(proxy.EnvoyDNSDiscoveryType)}, must be STRICT_DNS or LOGICAL_DNS`,
    );
  for (const [name, { Address, Port }] of Object.entries(proxy.EnvoyGatewayBindAddresses)) {
    const said = `envoy_gateway_bind_addresses ${JSON.stringify(name)}`;
    if (Address === "")
      yield problem(at, field(`EnvoyGatewayBindAddresses[${JSON.stringify(name)}].Address`), `${said}: address is missing`);
    if (Port < -1 || Port > 65_535)
      yield problem(at, field(`EnvoyGatewayBindAddresses[${JSON.stringify(name)}].Port`), `${said}: port is ${Port}, must be 1 to 65535`);
  }
}

type Ingress = NonNullable<Gateway["Ingress"]>;
type Listener = Ingress["Listeners"][number];

function* checkIngress(at: Place, ingress: Ingress, group: TaskGroup): Iterable<Finding> {
  const base = "Connect.Gateway.Ingress";
  if (ingress.Listeners.length === 0)
    yield problem(at, base, 'ingress has no listener: listener { port = 8080 protocol = "tcp" service { name = "…" } }');
  yield* checkTls(at, `${base}.TLS`, ingress.TLS);
  const network = group.Networks[0];
  const inside = new Set([...(network?.ReservedPorts ?? []), ...(network?.DynamicPorts ?? [])].map(insidePort));
  const seen = new Set<number>();
  for (const [index, listener] of ingress.Listeners.entries()) {
    const field = (name: string) => `${base}.Listeners[${index}].${name}`;
    const said = `listener ${listener.Port}`;
    if (listener.Port < 1 || listener.Port > 65_535)
      yield problem(at, field("Port"), `listener port is ${listener.Port}, must be 1 to 65535`);
    else if (seen.has(listener.Port)) yield problem(at, field("Port"), `${said} is there twice: put its services into one`);
    else if (network !== undefined && isOwnNetwork(network.Mode) && !inside.has(listener.Port))
      yield warning(
        at,
        field("Port"),
        `${said}: nothing from outside reaches it: add port "inbound" { static = ${listener.Port} to = ${listener.Port} } to the group's network`,
      );
    seen.add(listener.Port);
    if (!PROTOCOLS.includes(listener.Protocol))
      yield problem(
        at,
        field("Protocol"),
        `${said}: protocol is ${JSON.stringify(listener.Protocol)}, must be one of ${PROTOCOLS.join(", ")}`,
      );
    yield* checkListener(at, field, said, listener);
  }
}

function* checkListener(at: Place, field: (name: string) => string, said: string, { Services, Protocol }: Listener): Iterable<Finding> {
  if (Services.length === 0) yield problem(at, field("Services"), `${said} leads to no service: service { name = "…" }`);
  if (Protocol === "tcp" && Services.length > 1)
    yield problem(
      at,
      field("Services"),
      `${said} leads to ${Services.length} services, and protocol tcp cannot tell which is meant: keep one, or use http`,
    );
  const seen = new Set<string>();
  for (const [index, { Name, Hosts, TLS, ...limits }] of Services.entries()) {
    const service = (name: string) => field(`Services[${index}].${name}`);
    if (Name === "") yield problem(at, service("Name"), `${said}: service #${index + 1} has no name`);
    if (Name !== "" && seen.has(Name)) yield problem(at, service("Name"), `${said}: service ${JSON.stringify(Name)} is there twice`);
    seen.add(Name);
    if (Protocol === "tcp" && Name === "*") yield problem(at, service("Name"), `${said}: service "*" is for protocol http, http2 or grpc`);
    if (Protocol === "tcp" && Hosts.length > 0) yield problem(at, service("Hosts"), `${said}: hosts are for protocol http, http2 or grpc`);
    if (Name === "*" && Hosts.length > 0)
      yield problem(at, service("Hosts"), `${said}: service "*" is known by its services' names, and takes no hosts`);
    yield* checkTls(at, service("TLS"), TLS);
    for (const [limit, word] of [
      ["MaxConnections", "max_connections"],
      ["MaxPendingRequests", "max_pending_requests"],
      ["MaxConcurrentRequests", "max_concurrent_requests"],
    ] as const) {
      if ((limits[limit] ?? 0) < 0) yield problem(at, service(limit), `${said}: ${word} is ${limits[limit]}, must be at least 0`);
    }
  }
}

function* checkTls(at: Place, field: string, tls: Ingress["TLS"]): Iterable<Finding> {
  for (const [side, word] of [
    ["TLSMinVersion", "tls_min_version"],
    ["TLSMaxVersion", "tls_max_version"],
  ] as const) {
    const version = tls?.[side] ?? "";
    if (!TLS_VERSIONS.includes(version))
      yield problem(at, `${field}.${side}`, `${word} is ${JSON.stringify(version)}, must be one of ${TLS_VERSIONS.slice(1).join(", ")}`);
  }
}

function* checkTerminating(at: Place, { Services }: NonNullable<Gateway["Terminating"]>): Iterable<Finding> {
  const base = "Connect.Gateway.Terminating.Services";
  if (Services.length === 0) yield problem(at, base, `terminating leads to no service: service { name = "…" }`);
  const seen = new Set<string>();
  for (const [index, { Name, CAFile, CertFile, KeyFile, SNI }] of Services.entries()) {
    const field = (name: string) => `${base}[${index}].${name}`;
    const said = `terminating service ${Name === "" ? `#${index + 1}` : JSON.stringify(Name)}`;
    if (Name === "") yield problem(at, field("Name"), `${said} has no name`);
    if (Name !== "" && seen.has(Name)) yield problem(at, field("Name"), `${said} is there twice`);
    seen.add(Name);
    if ((CertFile === "") !== (KeyFile === "")) yield problem(at, field("CertFile"), `${said}: cert_file and key_file go together`);
    if (CAFile === "" && CertFile !== "")
      yield problem(at, field("CAFile"), `${said}: ca_file is missing: without it the other side is not known`);
    if (CAFile === "" && SNI !== "") yield problem(at, field("SNI"), `${said}: sni needs ca_file`);
  }
}
