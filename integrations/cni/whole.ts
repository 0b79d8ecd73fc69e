/** Is a network whole, as it stands on the machine? What is remembered says what to look for; only the machine says that it is there. */
import { statSync } from "node:fs";
import type { AllocationId } from "#model";
import type { AllocationNetwork, PortMapping } from "#ports";
import { labelOf, namespacePath } from "./label.ts";
import { leasePlacesOf, readLeases } from "./leases.ts";
import type { Place } from "./place.ts";
import type { NetworkRecord, Records } from "./record.ts";
import { redirectWhole } from "./redirect.ts";
import type { Connection } from "./result.ts";
import { portsLed, rulesWhole } from "./rules.ts";

export async function findWhole(place: Place, records: Records, id: AllocationId): Promise<AllocationNetwork | undefined> {
  const record = records.read(id);
  const label = labelOf(place.options.owner, id);
  if (record === undefined || record.connection === null || !place.ip.has(label)) return undefined;
  const { connection } = record;
  const files = records.files(id);
  if (![files.hosts, files.resolvConf].every(isFile)) return undefined;
  if (record.mode !== "none") {
    const inside = (await place.ip.interfaces(label))?.find((one) => one.name === connection.interface);
    const has = (address: string): boolean => address === "" || inside?.addresses.some((one) => one.startsWith(`${address}/`)) === true;
    if (inside === undefined || !inside.up || !has(connection.address) || !has(connection.addressIPv6)) return undefined;
    if (record.mode === "bridge" && !(await bridgeWhole(place, label, record, connection, inside.peer))) return undefined;
  }
  if (record.redirect !== null) {
    const rules = await place.within(namespacePath(label), 4).read();
    if (rules === undefined || !redirectWhole(rules, record.redirect)) return undefined;
  }
  return networkOf(place, records, id, record, connection);
}

async function bridgeWhole(place: Place, label: string, record: NetworkRecord, connection: Connection, peer: number): Promise<boolean> {
  if ((await place.ip.plugged(place.options.bridge.name))?.has(peer) !== true) return false;
  const leased = leasePlacesOf(place.bridge).every(({ directory }) =>
    readLeases(directory).some((lease) => lease.address === connection.address && lease.container === label),
  );
  if (!leased) return false;
  const isSix = (port: PortMapping): boolean => port.hostIp.includes(":");
  const rules = await place.four.read();
  const ports = record.ports.filter((port) => !isSix(port));
  if (rules === undefined || !rulesWhole(rules, { label, address: connection.address, ports })) return false;
  // Ports of an IPv6 address of the machine are led to the allocation's, where the bridge gives it one.
  const six = record.ports.filter(isSix);
  if (six.length === 0 || connection.addressIPv6 === "") return true;
  const rulesSix = await place.six.read();
  return rulesSix !== undefined && portsLed(rulesSix, { label, address: connection.addressIPv6, ports: six });
}

export function networkOf(
  place: Place,
  records: Records,
  id: AllocationId,
  record: NetworkRecord,
  connection: Connection,
): AllocationNetwork {
  return {
    namespacePath: namespacePath(labelOf(place.options.owner, id)),
    interface: connection.interface,
    address: connection.address,
    addressIPv6: connection.addressIPv6,
    gateway: connection.gateway,
    dns: connection.dns,
    hostname: record.hostname,
    files: records.files(id),
  };
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
