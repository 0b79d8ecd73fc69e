/**
 * Can the services be in the mesh as they are written? nomad.md §1.7. Upstreams: check-upstreams.ts; gateways: check-gateways.ts.
 *
 * Every service with `connect` is one of: native, with a sidecar, a gateway. A sidecar needs a network of the allocation's own, where nobody
 * reaches the service but through it.
 */
import { isIP } from "node:net";
import { type Connect, type Job, meshKindOf, type Service, type TaskGroup, type TransparentProxy } from "#model";
import type { Admission } from "../admission.ts";
import { isHostNetwork, isOwnNetwork } from "../check-network.ts";
import { type Finding, type Place, groupPlace, joined, problem, taskPlace, warning } from "../finding.ts";
import { checkGateway } from "./check-gateways.ts";
import { checkBinds, checkUpstreams } from "./check-upstreams.ts";
import { offersService } from "./offers.ts";
import { localPort } from "./expose.ts";

export function* checkMesh({ job, context }: Admission): Iterable<Finding> {
  const { knownServices } = context;
  const known = knownServices === undefined ? undefined : (name: string) => offersService(job, name) || knownServices(job.Namespace, name);
  for (const [g, group] of job.TaskGroups.entries()) {
    const place = groupPlace(job, g);
    for (const [s, service] of group.Services.entries()) {
      const at = servicePlace(place, s, service);
      yield* checkExpose(at, service, group);
      if (service.Connect !== null) yield* checkConnect(at, service, service.Connect, group);
      yield* checkUpstreams(at, service, known);
    }
    yield* checkBinds(place, group);
    yield* checkTransparent(place, group);
    for (const [t, task] of group.Tasks.entries()) {
      for (const [s, service] of task.Services.entries()) yield* checkOfTask(servicePlace(taskPlace(job, g, t), s, service), service);
    }
    yield* checkKinds(job, g, group);
  }
}

function servicePlace(place: Place, index: number, service: Service): Place {
  return {
    path: joined(place.path, `Services[${index}]`),
    words: `Service ${JSON.stringify(service.Name)} of ${place.words.replace(/^[A-Z]/, (letter) => letter.toLowerCase())}`,
  };
}

function* checkConnect(at: Place, service: Service, connect: Connect, group: TaskGroup): Iterable<Finding> {
  const written = [
    connect.Native ? "native" : "",
    connect.SidecarService === null ? "" : "sidecar_service",
    connect.Gateway === null ? "" : "gateway",
  ].filter((word) => word !== "");
  if (written.length === 0)
    yield problem(at, "Connect", "connect says nothing: write sidecar_service {} in it, or native = true, or a gateway block");
  if (written.length > 1) yield problem(at, "Connect", `connect has ${written.join(" and ")}: keep one of them`);
  if (service.Provider !== "consul")
    yield problem(
      at,
      "Provider",
      `provider is ${JSON.stringify(service.Provider)}, and the mesh is Consul's: connect needs provider = "consul"`,
    );
  if (service.Name.includes("${"))
    yield problem(at, "Name", "name is only known on the node, and the mesh needs it before: write it out where there is connect");
  if (connect.SidecarTask !== null && connect.SidecarService === null && connect.Gateway === null)
    yield problem(
      at,
      "Connect.SidecarTask",
      "sidecar_task changes the task of a sidecar or a gateway, and there is none: add sidecar_service {}",
    );
  if (written.length !== 1) return;
  if (connect.Native) yield* checkNative(at, service, group);
  if (connect.SidecarService !== null) yield* checkSidecar(at, service, connect, group);
  if (connect.Gateway !== null) yield* checkGateway(at, service, connect.Gateway, group);
}

function* checkNative(at: Place, service: Service, group: TaskGroup): Iterable<Finding> {
  const names = group.Tasks.map((task) => JSON.stringify(task.Name)).join(", ");
  if (service.TaskName === "" && group.Tasks.length !== 1)
    yield problem(at, "TaskName", `connect native needs to know which task speaks for itself: write task = one of ${names}`);
}

function* checkSidecar(at: Place, service: Service, connect: Connect, group: TaskGroup): Iterable<Finding> {
  const mode = group.Networks[0]?.Mode ?? "";
  if (group.Networks.length === 0)
    yield problem(
      at,
      "Connect.SidecarService",
      `a sidecar needs a network of the allocation's own: add network { mode = "bridge" } to the group`,
    );
  else if (!isOwnNetwork(mode))
    yield problem(
      at,
      "Connect.SidecarService",
      `a sidecar needs a network of the allocation's own, and the group's network mode is ${JSON.stringify(mode || "host")}: write network { mode = "bridge" }`,
    );
  const proxy = connect.SidecarService?.Proxy ?? null;
  if (service.PortLabel === "" && (proxy?.LocalServicePort ?? 0) === 0) {
    const isCaller = (proxy?.Upstreams.length ?? 0) > 0 || (proxy?.TransparentProxy ?? null) !== null;
    yield isCaller
      ? warning(at, "PortLabel", "has no port: it can call others through its sidecar, and nobody can call it")
      : problem(at, "PortLabel", `port is missing: the number it listens on inside, as port = "9001", or the label of a port of the group`);
  }
  const labels = new Set(
    group.Networks.flatMap((network) => [...network.ReservedPorts, ...network.DynamicPorts]).map((port) => port.Label),
  );
  for (const [index, path] of (proxy?.Expose?.Paths ?? []).entries()) {
    const field = (name: string) => `Connect.SidecarService.Proxy.Expose.Paths[${index}].${name}`;
    if (path.Path === "") yield problem(at, field("Path"), `expose path is missing: for example path = "/health"`);
    else if (!path.Path.startsWith("/"))
      yield problem(at, field("Path"), `expose path ${JSON.stringify(path.Path)} must begin with a slash`);
    if (!["", "http", "http2"].includes(path.Protocol))
      yield problem(at, field("Protocol"), `expose protocol is ${JSON.stringify(path.Protocol)}, must be http or http2`);
    if (path.LocalPathPort < 1 || path.LocalPathPort > 65_535)
      yield problem(
        at,
        field("LocalPathPort"),
        `expose local_path_port is ${path.LocalPathPort}, must be 1 to 65535: where the service listens`,
      );
    if (!labels.has(path.ListenerPort) && !path.ListenerPort.includes("${"))
      yield problem(
        at,
        field("ListenerPort"),
        `expose listener_port ${JSON.stringify(path.ListenerPort)} is no port of the group: add port ${JSON.stringify(path.ListenerPort || "health")} { to = -1 } to its network`,
      );
  }
}

/** Checks that the sidecar is to let in. */
function* checkExpose(at: Place, service: Service, group: TaskGroup): Iterable<Finding> {
  const mode = group.Networks[0]?.Mode ?? "";
  for (const [index, check] of service.Checks.entries()) {
    const say = (text: string) => problem(at, `Checks[${index}].Expose`, `check ${JSON.stringify(check.Name)}: ${text}`);
    if (!check.Expose) {
      yield* checkReachable(at, index, service, mode);
      continue;
    }
    if (service.Provider !== "consul") continue;
    if ((service.Connect?.SidecarService ?? null) === null)
      yield say(
        "expose is for services with connect { sidecar_service {} }: without a sidecar the check reaches the service itself, leave it out",
      );
    else if (check.Type !== "http" && check.Type !== "grpc")
      yield say(`expose is for http and grpc checks, this one is ${check.Type || "of no type"}`);
    else if (check.Protocol === "https") yield say("expose is for plain http: the sidecar looks at the path");
    else if (!isOwnNetwork(mode)) yield say(`expose needs network { mode = "bridge" }`);
    else if (localPort(group, service.PortLabel) === undefined)
      yield say(
        `expose needs to know where the service listens inside, and port ${JSON.stringify(service.PortLabel)} of the service does not say: write its number, or give the port a \`to\``,
      );
  }
}

/** Nobody outside gets at a number inside. */
function* checkReachable(at: Place, index: number, service: Service, mode: string): Iterable<Finding> {
  const check = service.Checks[index];
  if (check === undefined || !isOwnNetwork(mode) || check.Type === "script" || service.Provider !== "consul") return;
  const port = check.PortLabel || service.PortLabel;
  const addressMode = check.AddressMode || service.AddressMode;
  if (!/^\d+$/.test(port) || !["auto", "host"].includes(addressMode) || service.Address !== "") return;
  const expose = (service.Connect?.SidecarService ?? null) === null ? "" : "expose = true, or ";
  yield warning(
    at,
    `Checks[${index}].PortLabel`,
    `check ${JSON.stringify(check.Name)}: port ${port} is a number inside the allocation, which Consul does not reach at the host's address: use ${expose}address_mode = "alloc", or the label of a port`,
  );
}

function* checkTransparent(place: Place, group: TaskGroup): Iterable<Finding> {
  const all = group.Services.flatMap((service, s) => {
    const proxy = service.Connect?.SidecarService?.Proxy?.TransparentProxy ?? null;
    return proxy === null ? [] : [{ service, at: servicePlace(place, s, service), proxy }];
  });
  for (const [index, { service, at, proxy }] of all.entries()) {
    const field = "Connect.SidecarService.Proxy.TransparentProxy";
    if (index > 0)
      yield problem(
        at,
        field,
        `transparent_proxy is there twice in the group, first in service ${JSON.stringify(all[0]?.service.Name)}: all its traffic goes one way`,
      );
    if (group.Networks[0] !== undefined && group.Networks[0].Mode !== "bridge" && !isHostNetwork(group.Networks[0].Mode))
      yield warning(at, field, `transparent_proxy is made for network mode "bridge"`);
    const asked = group.Networks[0]?.DNS?.Servers ?? [];
    if (asked.length > 0)
      yield warning(
        at,
        field,
        `transparent_proxy calls services by names such as "api.virtual.consul", and the group asks ${asked.join(", ")} for names: leave dns { servers } out, or name servers that answer for .consul`,
      );
    const sidecar = group.Tasks.find((task) => task.Kind === `connect-proxy:${service.Name}`);
    if (sidecar !== undefined && isOther(sidecar.User, proxy.UID))
      yield warning(
        at,
        field,
        `transparent_proxy lets the traffic of user ${proxy.UID || "${meta.connect.transparent_proxy.default_uid}"} through, and task ${JSON.stringify(sidecar.Name)} runs as ${sidecar.User}: its own traffic would be led back to it; make uid and the sidecar's user the same`,
      );
    yield* checkRules(at, field, proxy, group);
  }
}

/** Certainly not the one the rules name; who a name is, or what a node says, is known there. */
function isOther(user: string, uid: string): boolean {
  const number = user === "root" ? "0" : user;
  if (number === "0") return uid !== "0";
  return number !== uid && /^\d+$/.test(number) && /^\d+$/.test(uid);
}

function* checkRules(at: Place, field: string, proxy: TransparentProxy, group: TaskGroup): Iterable<Finding> {
  const number = (text: string) => text.includes("${") || /^\d{1,10}$/.test(text);
  if (proxy.UID !== "" && !number(proxy.UID))
    yield problem(at, `${field}.UID`, `uid ${JSON.stringify(proxy.UID)} must be a user's number, as "101"`);
  const taken = proxy.UID === "" ? undefined : group.Tasks.find((task) => task.User === proxy.UID && meshKindOf(task) === undefined);
  if (taken !== undefined)
    yield problem(
      at,
      `${field}.UID`,
      `uid ${proxy.UID} is also the user of task ${JSON.stringify(taken.Name)}, whose traffic would pass the sidecar by`,
    );
  if (proxy.OutboundPort < 0 || proxy.OutboundPort > 65_535)
    yield problem(at, `${field}.OutboundPort`, `outbound_port is ${proxy.OutboundPort}, must be 1 to 65535`);
  const labels = new Set(
    group.Networks.flatMap((network) => [...network.ReservedPorts, ...network.DynamicPorts]).map((port) => port.Label),
  );
  for (const [index, port] of proxy.ExcludeInboundPorts.entries()) {
    if (!labels.has(port) && !port.includes("${") && !(/^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
      yield problem(
        at,
        `${field}.ExcludeInboundPorts[${index}]`,
        `exclude_inbound_ports ${JSON.stringify(port)} is neither a port of the group nor a number of 1 to 65535`,
      );
  }
  for (const [index, port] of proxy.ExcludeOutboundPorts.entries()) {
    if (port < 1 || port > 65_535)
      yield problem(at, `${field}.ExcludeOutboundPorts[${index}]`, `exclude_outbound_ports ${port}, must be 1 to 65535`);
  }
  for (const [index, range] of proxy.ExcludeOutboundCIDRs.entries()) {
    if (!range.includes("${") && !isRange(range))
      yield problem(
        at,
        `${field}.ExcludeOutboundCIDRs[${index}]`,
        `exclude_outbound_cidrs ${JSON.stringify(range)} must be a range of addresses, as "10.0.0.0/8"`,
      );
  }
  for (const [index, user] of proxy.ExcludeUIDs.entries()) {
    if (!number(user))
      yield problem(at, `${field}.ExcludeUIDs[${index}]`, `exclude_uids ${JSON.stringify(user)} must be a user's number, as "1000"`);
  }
}

function isRange(range: string): boolean {
  const [address = "", bits = ""] = range.split("/");
  const family = isIP(address);
  return family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128) && range.split("/").length === 2;
}

/** Sidecars and gateways stand for a group: only a task that speaks for itself may say so itself. */
function* checkOfTask(at: Place, service: Service): Iterable<Finding> {
  for (const [index, check] of service.Checks.entries()) {
    if (check.Expose && service.Provider === "consul")
      yield problem(
        at,
        `Checks[${index}].Expose`,
        `check ${JSON.stringify(check.Name)}: expose is for services of a group: move the service there`,
      );
  }
  const connect = service.Connect;
  if (connect === null) return;
  if (!connect.Native || connect.SidecarService !== null || connect.Gateway !== null)
    yield problem(
      at,
      "Connect",
      "connect belongs to a service of the group: move the service block out of the task, and name the task with task if it has to be known",
    );
  else if (service.Provider !== "consul")
    yield problem(
      at,
      "Provider",
      `provider is ${JSON.stringify(service.Provider)}, and the mesh is Consul's: connect needs provider = "consul"`,
    );
}

/** A Kind says whose proxy the task is: what is named has to be there. Admission writes it; a copy of an admitted job may be stale. */
function* checkKinds(job: Job, g: number, group: TaskGroup): Iterable<Finding> {
  const seen = new Set<string>();
  for (const [t, task] of group.Tasks.entries()) {
    if (task.Kind === "") continue;
    const place = taskPlace(job, g, t);
    const kind = JSON.stringify(task.Kind);
    const found = meshKindOf(task);
    if (found === undefined) {
      yield problem(
        place,
        "Kind",
        `kind is ${kind}, must be like "connect-proxy:api": leave it out, it is set where a service has connect`,
      );
      continue;
    }
    if (seen.has(task.Kind)) yield problem(place, "Kind", `another task of the group has the kind ${kind}`);
    seen.add(task.Kind);
    const services = [...group.Services, ...task.Services].filter((service) => service.Name === found.service && service.Connect !== null);
    const fits = services.some(({ Connect }) => {
      if (found.kind === "connect-proxy") return Connect?.SidecarService !== null;
      return found.kind === "connect-native" ? Connect?.Native === true : Connect?.Gateway !== null;
    });
    if (!fits)
      yield problem(
        place,
        "Kind",
        `kind is ${kind}, and no service ${JSON.stringify(found.service)} of the group is that in the mesh: take the task out, or bring the service's connect block back`,
      );
  }
}
