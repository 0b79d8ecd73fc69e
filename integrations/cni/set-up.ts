/**
 * One network, from nothing or from what is there.
 *
 *   nothing, or parts ──▶ namespace ──▶ plugins ──▶ redirect ──▶ files ──▶ remembered
 *   an interface that is connected ──▶ rules and leases mended ──────▲      (its tasks live on, its address stays)
 */
import { readFileSync } from "node:fs";
import type { AllocationId, DnsConfig } from "#model";
import type { AllocationNetwork, NetworkRequest } from "#ports";
import { NamedError } from "#std";
import { addChain, type ChainCall } from "./chain.ts";
import { bridgeConf, type NetworkConf, subnetHolds } from "./conflist.ts";
import { isTakenFrom, listeners, processOf } from "./listeners.ts";
import { dnsOf, hostsText, readResolvConf, resolvConfText } from "./host-files.ts";
import { identityOf } from "./ip.ts";
import { labelOf, masqueradeChainOf, namespacePath, readLabel } from "./label.ts";
import { leasePlacesOf, readLeases, writeLease } from "./leases.ts";
import type { Place } from "./place.ts";
import type { NetworkRecord, Records } from "./record.ts";
import { redirectText } from "./redirect.ts";
import { answerOf, type Connection, hostEndsOf, INTERFACE, readResult } from "./result.ts";
import { holdersOfPort, masqueradeText } from "./rules.ts";
import { lackingPlugins, pluginsMissing } from "./plugin.ts";
import { interfacesOf, settleGround, settleLeases } from "./settle.ts";
import { sweepLabels, sweepRules } from "./sweep.ts";
import { tearDown } from "./tear-down.ts";
import { findWhole, networkOf } from "./whole.ts";

const NEVER = new AbortController().signal;
const NOT_CONNECTED: Connection = { interface: "", address: "", addressIPv6: "", gateway: "", dns: null };

export async function setUp(place: Place, records: Records, request: NetworkRequest, signal: AbortSignal): Promise<AllocationNetwork> {
  signal.throwIfAborted();
  const { id } = request;
  const label = labelOf(place.options.owner, id);
  const record = recordOf(place, request);
  // A driver's new holder is a new namespace: what its dead one had is nobody's.
  const held = request.holderPid === 0 ? undefined : identityOf(`/proc/${request.holderPid}/ns/net`);
  if (place.ip.has(label) && held !== undefined && identityOf(namespacePath(label)) !== held) await tearDown(place, records, id);
  const known = records.read(id);
  if (known !== undefined && sameRequest(known, record)) {
    const found = await findWhole(place, records, id);
    if (found !== undefined) return found;
  }
  if (record.conf !== null) {
    const lacking = lackingPlugins(place, record.conf);
    if (lacking.length > 0) throw pluginsMissing(lacking, place.options.cniPaths);
    if (record.mode === "bridge") await settleGround(place);
  }
  const connected = await connectedAlready(place, label, record, known);
  try {
    const connection =
      connected === undefined
        ? await connect(place, records, request, record, signal)
        : await mend(place, records, id, record, connected, signal);
    await finish(place, records, id, record, connection);
    return networkOf(place, records, id, record, connection);
  } catch (error) {
    // A network that somebody uses is not taken from them because it could not be mended.
    // What went wrong first is what is told; the rest is found again by its label.
    if (connected === undefined) await tearDown(place, records, id).catch(() => {});
    throw error;
  }
}

/** What stands and lost its rules, its lease or its files gets them back, with its tasks in it. false: nothing was to do, or too little stands. */
export async function mendStanding(place: Place, records: Records, id: AllocationId): Promise<boolean> {
  const record = records.read(id);
  const label = labelOf(place.options.owner, id);
  if (record === undefined || record.connection === null || !place.ip.has(label)) return false;
  if ((await findWhole(place, records, id)) !== undefined) return false;
  const connected = await connectedAlready(place, label, record, record);
  if (connected === undefined) return false;
  await finish(place, records, id, record, await mend(place, records, id, record, connected, NEVER));
  return true;
}

async function finish(place: Place, records: Records, id: AllocationId, record: NetworkRecord, connection: Connection): Promise<void> {
  if (record.redirect !== null) await redirect(place, labelOf(place.options.owner, id), record, connection);
  writeFiles(place, records, id, record, connection);
}

function recordOf(place: Place, request: NetworkRequest): NetworkRecord {
  return {
    mode: request.mode,
    hostname: request.hostname === "" ? request.id.slice(0, 8) : request.hostname,
    ports: request.ports,
    dns: request.dns,
    arguments: request.arguments,
    redirect: request.redirect,
    conf: confOf(place, request),
    answer: null,
    connection: null,
  };
}

function confOf(place: Place, { mode, ports }: NetworkRequest): NetworkConf | null {
  if (mode === "none") return null;
  // Who has a port of the machine also reaches it by the machine's address: its packets go out where they came in.
  if (mode === "bridge") return ports.length === 0 ? place.bridge : bridgeConf({ ...place.options.bridge, hairpin: true });
  const name = mode.startsWith("cni/") ? mode.slice("cni/".length) : "";
  const conf = name === "" ? undefined : place.network(name);
  if (conf !== undefined) return conf;
  throw new NamedError(
    "NETWORK_UNKNOWN",
    `Cannot set up network "${mode}": no file in ${place.options.configDirectory} describes a network of this name`,
    {
      fix: `Put a CNI configuration whose name is "${name}" there, as NAME.conflist; drover check mesh names files that cannot be read`,
    },
  );
}

function sameRequest(one: NetworkRecord, other: NetworkRecord): boolean {
  const asked = ({ mode, hostname, ports, dns, redirect: redirected }: NetworkRecord): string =>
    JSON.stringify([mode, hostname, ports, dns, redirected]);
  return asked(one) === asked(other);
}

/** Its interface has an address, a way out, and its other end in the bridge: whatever else was lost can be mended around it. */
async function connectedAlready(
  place: Place,
  label: string,
  record: NetworkRecord,
  known: NetworkRecord | undefined,
): Promise<Connection | undefined> {
  if (record.conf === null) return place.ip.has(label) && (known === undefined || known.mode === "none") ? NOT_CONNECTED : undefined;
  const seen = await interfacesOf(place, label);
  const inside = seen?.find((one) => one.name === (known?.connection?.interface ?? INTERFACE));
  if (inside === undefined || inside.addresses.length === 0) return undefined;
  if (record.mode !== "bridge") {
    const lasting =
      known?.mode === record.mode &&
      known.connection !== null &&
      inside.addresses.some((one) => one.startsWith(`${known.connection?.address}/`));
    return lasting ? (known.connection as Connection) : undefined;
  }
  const ofBridge = inside.addresses.some((one) => subnetHolds(place.options.bridge.subnet, one.split("/")[0] as string));
  const gateway = await place.ip.gateway(label);
  if (!ofBridge || gateway === "" || inside.peer === 0) return undefined;
  // Somebody removed the bridge and it was made again: the cable is plugged in where it was.
  const { name } = place.options.bridge;
  if ((await place.ip.plugged(name))?.has(inside.peer) !== true && !(await place.ip.plug(inside.peer, name))) return undefined;
  return readResult(
    answerOf(place.bridge, namespacePath(label), { addresses: inside.addresses, gateway, bridge: place.options.bridge.name }),
  );
}

async function connect(
  place: Place,
  records: Records,
  request: NetworkRequest,
  record: NetworkRecord,
  signal: AbortSignal,
): Promise<Connection> {
  const { id } = request;
  const label = labelOf(place.options.owner, id);
  // Parts of an attempt that was cut off: what a plugin left half-made it would not take for its own.
  if (records.read(id) !== undefined || place.ip.namespaces().includes(label)) await tearDown(place, records, id);
  records.write(id, record);
  if (request.holderPid === 0) await place.ip.add(label);
  else await place.ip.attach(label, request.holderPid);
  if (record.conf === null) {
    await place.ip.loopbackUp(label);
    records.write(id, { ...record, connection: NOT_CONNECTED });
    return NOT_CONNECTED;
  }
  await freePorts(place, label, request);
  refuseTaken(request);
  const call: ChainCall = { label, conf: record.conf, ports: request.ports, arguments: request.arguments };
  // Leases lie in a folder that a reboot, or a tidy person, empties: an address that somebody lives at is never given out.
  if (record.mode === "bridge" && leaseMissing(place, records, label)) await settleLeases(place);
  const answer = await addChain(place, call, signal).catch(async (error: unknown) => {
    if (!(error instanceof NamedError) || error.code !== "NETWORK_SUBNET_EXHAUSTED") throw error;
    // Perhaps the dead hold addresses: they are freed, and it is tried once more.
    if ((await settleLeases(place)).length === 0) throw error;
    await sweepLabels(place, new Set([label]), { networks: [call.conf.name], addresses: [] });
    await place.ip.removeInterfaces(label);
    return addChain(place, call, signal);
  });
  const connection = readResult(answer);
  records.write(id, { ...record, answer, connection });
  return connection;
}

/** A living namespace without a lease: it may be one that is just being made, of another network, or one whose lease was lost. */
function leaseMissing(place: Place, records: Records, making: string): boolean {
  return leasePlacesOf(place.bridge).some(({ directory }) => {
    const holders = new Set(readLeases(directory).map((lease) => lease.container));
    return place.ip.namespaces().some((name) => {
      const label = readLabel(name);
      if (label === undefined || name === making || holders.has(name)) return false;
      return label.owner !== place.options.owner || records.read(label.id)?.mode === "bridge";
    });
  });
}

/** Lease, masquerading and ports again, for an interface that lives. */
async function mend(
  place: Place,
  records: Records,
  id: AllocationId,
  record: NetworkRecord,
  connection: Connection,
  signal: AbortSignal,
): Promise<Connection> {
  const label = labelOf(place.options.owner, id);
  const before = records.read(id);
  if (record.mode === "bridge") {
    const addresses = [connection.address, connection.addressIPv6].filter((one) => one !== "");
    for (const { directory } of leasePlacesOf(place.bridge))
      for (const address of addresses) writeLease(directory, address, label, INTERFACE);
    await sweepRules(place, new Set([label]), { networks: [], addresses });
    await freePorts(place, label, { ports: record.ports });
    const { subnet, subnetIPv6, name } = place.options.bridge;
    const length = (of: string): string => of.split("/")[1] as string;
    const answer = answerOf(place.bridge, namespacePath(label), {
      addresses: addresses.map((address) => `${address}/${length(address.includes(":") ? subnetIPv6 : subnet)}`),
      gateway: connection.gateway,
      bridge: name,
      ends: hostEndsOf(before?.answer),
    });
    const chain = masqueradeChainOf(place.bridge.name, label);
    await place.four.change(() => masqueradeText({ network: place.bridge.name, label, chain, address: connection.address, subnet }));
    if (connection.addressIPv6 !== "")
      await place.six.change(() =>
        masqueradeText({ network: place.bridge.name, label, chain, address: connection.addressIPv6, subnet: subnetIPv6 }),
      );
    await addChain(place, { label, conf: place.bridge, ports: record.ports, arguments: record.arguments }, signal, {
      after: "bridge",
      answer,
    });
    records.write(id, { ...record, answer, connection });
  } else {
    // Cut off just after its namespace was made.
    if (record.conf === null) await place.ip.loopbackUp(label);
    records.write(id, { ...record, answer: before?.answer ?? null, connection });
  }
  return connection;
}

/** F38: rules of the dead swallow a port before ours are asked. Those of Drover's dead go; who lives keeps it. */
async function freePorts(place: Place, label: string, request: Pick<NetworkRequest, "ports">): Promise<void> {
  if (request.ports.length === 0) return;
  const rules = await place.four.read();
  if (rules === undefined) return;
  const dead = new Set<string>();
  for (const port of request.ports) {
    for (const holder of holdersOfPort(rules, port)) {
      if (holder === label) continue;
      if (readLabel(holder) !== undefined && !place.ip.namespaces().includes(holder)) dead.add(holder);
      else {
        throw new NamedError(
          "NETWORK_PORT_TAKEN",
          `Cannot map port "${port.label}": port ${port.hostPort} of this machine is led to "${holder}" by its packet rules`,
          {
            fix: `iptables -t nat -S CNI-HOSTPORT-DNAT shows who; stop it, or reserve the port: client { reserved { reserved_ports = "${port.hostPort}" } }`,
          },
        );
      }
    }
  }
  if (dead.size > 0) await sweepLabels(place, dead, { networks: [], addresses: [] });
}

/** Of a new network only: one that stands keeps the ports it has. */
function refuseTaken({ ports }: Pick<NetworkRequest, "ports">): void {
  if (ports.length === 0) return;
  const all = listeners();
  for (const port of ports) {
    const holder = all.find((each) => isTakenFrom(each, port));
    if (holder === undefined) continue;
    const address = holder.address.includes(":") ? `[${holder.address}]` : holder.address;
    throw new NamedError(
      "NETWORK_PORT_TAKEN",
      `Cannot map port "${port.label}": ${processOf(holder)} of this machine listens on ${address}:${port.hostPort}, and would hear nothing any more`,
      { fix: `Stop it, use another port, or keep jobs away from this one: client { reserved { reserved_ports = "${port.hostPort}" } }` },
    );
  }
}

async function redirect(place: Place, label: string, record: NetworkRecord, connection: Connection): Promise<void> {
  const wanted = record.redirect;
  if (wanted === null) return;
  const servers = serversOf(place, record, connection).Servers;
  for (const family of [4, 6] as const) {
    if (family === 6 && connection.addressIPv6 === "") continue;
    const done = await place.within(namespacePath(label), family).change((rules) => redirectText(rules, wanted, family, servers));
    if (!done)
      throw new NamedError(
        "NETWORK_UNSUPPORTED",
        `Cannot send the traffic of "${label}" through its sidecar: iptables cannot be read inside of it`,
        { fix: "apt install iptables util-linux" },
      );
  }
}

function serversOf(place: Place, record: NetworkRecord, connection: Connection): DnsConfig {
  const own = place.options.nameservers();
  return dnsOf(record.dns, connection.dns, { Servers: [...own], Searches: [], Options: [] }, hostDns());
}

/** The machine's own; behind systemd's local server stand those it asks. */
function hostDns(): DnsConfig {
  const read = (file: string): DnsConfig => {
    try {
      return readResolvConf(readFileSync(file, "utf8"));
    } catch {
      return { Servers: [], Searches: [], Options: [] };
    }
  };
  const said = read("/etc/resolv.conf");
  return said.Servers.length > 0 ? said : dnsOf(said, read("/run/systemd/resolve/resolv.conf"));
}

function writeFiles(place: Place, records: Records, id: AllocationId, record: NetworkRecord, connection: Connection): void {
  records.writeFiles(id, {
    hosts: hostsText(record.hostname, [connection.address, connection.addressIPv6]),
    resolvConf: resolvConfText(
      record.mode === "none" && record.dns === null ? { Servers: [], Searches: [], Options: [] } : serversOf(place, record, connection),
    ),
  });
}
