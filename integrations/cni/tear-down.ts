/**
 * One network, taken off the machine by its label, whatever is left of it. The namespace's name goes last: while it is there, its leases and rules are somebody's.
 * Our own bridge needs no plugin for this: what they made is found and removed in one transaction, also when their memory of it is lost.
 */
import type { AllocationId } from "#model";
import { NamedError } from "#std";
import { deleteChain } from "./chain.ts";
import { labelOf } from "./label.ts";
import type { Place } from "./place.ts";
import type { Records } from "./record.ts";
import { hostEndsOf } from "./result.ts";
import { sweepLabels } from "./sweep.ts";

export async function tearDown(place: Place, records: Records, id: AllocationId): Promise<void> {
  const label = labelOf(place.options.owner, id);
  const record = records.read(id);
  const conf = record?.conf ?? null;
  let failure: unknown;
  if (record !== undefined && conf !== null && record.mode !== "bridge") {
    failure = await deleteChain(place, { label, conf, ports: record.ports, arguments: record.arguments }, record.answer);
  }
  const inside = place.ip.has(label)
    ? ((await place.ip.interfaces(label)) ?? []).flatMap((one) => (one.name === "lo" ? [] : one.addresses))
    : [];
  if (place.ip.has(label)) await place.ip.removeInterfaces(label);
  // The name was lost, and a process may hold the namespace still: the machine's end of its cable is known by what the plugins answered.
  else for (const end of hostEndsOf(record?.answer)) await place.ip.run(["link", "del", end]);
  await sweepLabels(place, new Set([label]), {
    networks: conf === null ? [] : [conf.name],
    addresses: [
      record?.connection?.address ?? "",
      record?.connection?.addressIPv6 ?? "",
      ...inside.map((one) => one.split("/")[0] as string),
    ].filter((one) => one !== ""),
  });
  if (place.ip.namespaces().includes(label)) await place.ip.remove(label);
  // An operator's plugin that fails may hold what we cannot see: it is remembered, and asked again; but one that never connected anything, or is not there any more.
  const gone = failure instanceof NamedError && failure.code === "NETWORK_PLUGIN_MISSING";
  if (failure !== undefined && !gone && (record?.answer ?? null) !== null) throw failure;
  records.remove(id);
}
