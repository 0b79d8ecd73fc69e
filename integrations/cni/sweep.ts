/** Takes everything of some labels off the machine but their namespaces: rules and leases, found by label alone (F38, F39, F41). */
import { isIPv4 } from "node:net";
import { chainsOf, readLabel } from "./label.ts";
import { freeLease, type Lease, readLeases } from "./leases.ts";
import type { Place } from "./place.ts";
import { addressesIn, labelsIn, sweepOf, type Rules } from "./rules.ts";

export function everyLease(place: Place): readonly Lease[] {
  return place.leasePlaces().flatMap((one) => readLeases(one.directory));
}

/** Rules first: an address is free when nothing speaks of it any more. */
export async function sweepLabels(
  place: Place,
  labels: ReadonlySet<string>,
  known: { readonly networks: readonly string[]; readonly addresses: readonly string[] },
): Promise<void> {
  await sweepRules(place, labels, known);
  for (const lease of everyLease(place)) if (labels.has(lease.container)) freeLease(lease);
}

export async function sweepRules(
  place: Place,
  labels: ReadonlySet<string>,
  known: { readonly networks: readonly string[]; readonly addresses: readonly string[] },
): Promise<void> {
  const leases = everyLease(place);
  const leased = leases.filter((lease) => labels.has(lease.container)).map((lease) => lease.address);
  // The firewall's rules name addresses only: never those that somebody else has meanwhile.
  const others = new Set(leases.filter((lease) => !labels.has(lease.container)).map((lease) => lease.address));
  const networks = new Set([place.bridge.name, ...known.networks]);
  const chains = new Set([...labels].flatMap((label) => [...networks].flatMap((network) => chainsOf(network, label))));
  const decide =
    (family: 4 | 6) =>
    (rules: Rules): string | undefined => {
      const named = [...labels].flatMap((label) => addressesIn(rules, label));
      const addresses = [...known.addresses, ...leased, ...named].filter(
        (address) => isIPv4(address) === (family === 4) && !others.has(address),
      );
      return sweepOf(rules, { labels, chains, addresses: new Set(addresses) });
    };
  await place.four.change(decide(4));
  await place.six.change(decide(6));
}

/** Labels of Drover's, of any owner, that hold a lease or a rule though no namespace has their name. Things are read before names: what is made has its name first. */
export async function deadLabels(place: Place): Promise<ReadonlySet<string>> {
  const holding = new Set<string>(everyLease(place).map((lease) => lease.container));
  for (const tables of [place.four, place.six]) {
    const rules = await tables.read();
    if (rules !== undefined) for (const label of labelsIn(rules)) holding.add(label);
  }
  const named = new Set(place.ip.namespaces());
  const dead = new Set<string>();
  for (const name of holding) {
    const label = readLabel(name);
    if (label === undefined) continue;
    // A name may be a plain file after its mount was lost; of another owner's we do not judge.
    if (label.owner === place.options.owner ? !place.ip.has(name) : !named.has(name)) dead.add(name);
  }
  return dead;
}
