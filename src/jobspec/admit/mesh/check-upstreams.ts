/** What services of a group call through their sidecars: somebody, at a place of its own inside the allocation. nomad.md §1.7. */
import { isIP } from "node:net";
import type { Service, TaskGroup, Upstream } from "#model";
import { insidePort } from "../check-network.ts";
import { type Finding, type Place, joined, problem, warning } from "../finding.ts";

const TYPES = ["", "service", "prepared_query"];
const MESH_GATEWAY_MODES = ["", "none", "local", "remote"];
const LOOPBACK = "127.0.0.1";

/** `known`: does any job of the namespace offer the service; left out: nobody can say. */
export function* checkUpstreams(at: Place, service: Service, known: ((name: string) => boolean) | undefined): Iterable<Finding> {
  const proxy = service.Connect?.SidecarService?.Proxy ?? null;
  if (proxy === null) return;
  for (const [index, upstream] of proxy.Upstreams.entries()) {
    const field = (name: string) => `Connect.SidecarService.Proxy.Upstreams[${index}].${name}`;
    const name = upstream.DestinationName;
    const said = `upstream ${name === "" ? `#${index + 1}` : JSON.stringify(name)}`;
    if (name === "") yield problem(at, field("DestinationName"), `${said}: destination_name is missing: the service to call`);
    yield* checkBind(at, field, said, upstream, proxy.TransparentProxy !== null);
    if (!TYPES.includes(upstream.DestinationType))
      yield problem(
        at,
        field("DestinationType"),
        `${said}: destination_type is ${JSON.stringify(upstream.DestinationType)}, must be service or prepared_query`,
      );
    const mode = upstream.MeshGateway?.Mode ?? "";
    if (!MESH_GATEWAY_MODES.includes(mode))
      yield problem(at, field("MeshGateway.Mode"), `${said}: mesh_gateway mode is ${JSON.stringify(mode)}, must be none, local or remote`);
    if (upstream.DestinationPeer !== "" && upstream.Datacenter !== "")
      yield problem(at, field("Datacenter"), `${said}: datacenter and destination_peer are two ways out: keep one of them`);
    const isHere = upstream.Datacenter === "" && upstream.DestinationPeer === "" && upstream.DestinationType !== "prepared_query";
    if (name === service.Name && isHere) yield warning(at, field("DestinationName"), `${said} is the service itself`);
    else if (isHere && name !== "" && !name.includes("${") && known?.(name) === false)
      yield warning(
        at,
        field("DestinationName"),
        `${said}: no job of the namespace offers such a service; calls fail until one does, unless Consul knows it from elsewhere. Is the name right?`,
      );
  }
}

function* checkBind(at: Place, field: (name: string) => string, said: string, upstream: Upstream, transparent: boolean): Iterable<Finding> {
  const { LocalBindPort: port, LocalBindAddress: address, LocalBindSocketPath: socket } = upstream;
  if (port === 0 && socket === "" && !transparent)
    yield problem(
      at,
      field("LocalBindPort"),
      `${said}: local_bind_port is missing: the port its callers use inside, as local_bind_port = 8080`,
    );
  if (port !== 0 && (port < 1 || port > 65_535))
    yield problem(at, field("LocalBindPort"), `${said}: local_bind_port is ${port}, must be 1 to 65535`);
  if (port !== 0 && socket !== "")
    yield problem(at, field("LocalBindSocketPath"), `${said}: local_bind_port and local_bind_socket_path are two places: keep one of them`);
  if (address !== "" && !address.includes("${") && isIP(address) === 0)
    yield problem(at, field("LocalBindAddress"), `${said}: local_bind_address ${JSON.stringify(address)} is no IP address`);
  if (upstream.LocalBindSocketMode !== "" && !/^[0-7]{3,4}$/.test(upstream.LocalBindSocketMode))
    yield problem(
      at,
      field("LocalBindSocketMode"),
      `${said}: local_bind_socket_mode ${JSON.stringify(upstream.LocalBindSocketMode)} must be like "0600"`,
    );
}

/** All sidecars of a group share one network with its tasks: every place in it is one listener's. */
export function* checkBinds(place: Place, group: TaskGroup): Iterable<Finding> {
  // A port may lead to an upstream that listens on every address: that is a way in. One on the loopback it cannot reach.
  const led = new Map<number, string>();
  const inside = new Map<number, string>();
  for (const port of group.Networks.flatMap((network) => [...network.ReservedPorts, ...network.DynamicPorts])) {
    const number = insidePort(port);
    if (number !== undefined) led.set(number, `port ${JSON.stringify(port.Label)} leads there`);
  }
  for (const service of group.Services) {
    if (/^\d+$/.test(service.PortLabel)) inside.set(Number(service.PortLabel), `service ${JSON.stringify(service.Name)} listens there`);
  }
  const taken = new Map<string, string>();
  for (const [s, service] of group.Services.entries()) {
    for (const [u, upstream] of (service.Connect?.SidecarService?.Proxy?.Upstreams ?? []).entries()) {
      const at = { path: joined(place.path, `Services[${s}]`), words: place.words };
      const name = `upstream ${JSON.stringify(upstream.DestinationName)} of service ${JSON.stringify(service.Name)}`;
      const { LocalBindPort: port, LocalBindAddress: address, LocalBindSocketPath: socket } = upstream;
      const field = `Connect.SidecarService.Proxy.Upstreams[${u}].${port === 0 ? "LocalBindSocketPath" : "LocalBindPort"}`;
      const key = port === 0 ? socket : `${address || LOOPBACK}:${port}`;
      if (key === "") continue;
      const other = taken.get(key);
      if (other !== undefined) yield problem(at, field, `${name} is bound to ${key}, as ${other} is: give it a place of its own`);
      taken.set(key, name);
      const isLoopback = address === "" || address === LOOPBACK;
      const holder = inside.get(port) ?? (isLoopback ? led.get(port) : undefined);
      if (holder !== undefined && port !== 0 && (isLoopback || address === "0.0.0.0"))
        yield problem(at, field, `${name} is bound to ${key}, and ${holder}: use another local_bind_port`);
    }
  }
}
