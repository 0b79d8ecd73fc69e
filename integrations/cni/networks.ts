/** Networks of allocations by CNI: the window's maker. */
import assert from "node:assert";
import type { AllocationId } from "#model";
import type { Networks } from "#ports";
import { messageOf, NamedError } from "#std";
import { describe, pluginVersions } from "./describe.ts";
import { labelsIn } from "./rules.ts";
import { labelOf, readLabel } from "./label.ts";
import { type CniNetworksOptions, networksDirectory, placeOf } from "./place.ts";
import { preflight } from "./preflight.ts";
import { recordsIn } from "./record.ts";
import { lackingPlugins } from "./plugin.ts";
import { mendStanding, setUp } from "./set-up.ts";
import { settle, settleGround } from "./settle.ts";
import { everyLease } from "./sweep.ts";
import { tearDown } from "./tear-down.ts";
import { lanes, turnsByName } from "./turns.ts";
import { findWhole } from "./whole.ts";

/** More of them only wait for each other's packet rules: measured. */
const AT_ONCE = 4;

export function cniNetworks(options: CniNetworksOptions): Networks {
  assert.match(options.owner, /^[0-9a-f]{8}$/);
  const place = placeOf(options);
  const records = recordsIn(networksDirectory(options));
  const turns = turnsByName();
  const busy = lanes(AT_ONCE);
  const versions = pluginVersions();
  const named = (id: AllocationId): AllocationId => {
    assert.match(id, /^[A-Za-z0-9][A-Za-z0-9-]*$/, "the id of an allocation is part of names and paths");
    return id;
  };
  const supported = (): void => {
    if (process.platform === "linux" && process.getuid?.() === 0) return;
    throw new NamedError(
      "NETWORK_UNSUPPORTED",
      "Cannot make a network of an allocation's own: that takes Linux, and an agent that runs as root",
      { fix: "Run the agent as root on Linux, or use network mode host" },
    );
  };
  /** The first makes the chains that all share: two that do it at once stumble over each other. Later ones go side by side. */
  let first: Promise<unknown> | undefined;
  /** What cannot be mended is found not to be whole by whoever asks for it. */
  const mendedOf = (id: AllocationId): Promise<readonly string[]> =>
    turns.take(id, () =>
      busy.enter(async () => {
        const done = await mendStanding(place, records, id).catch((thrown: unknown) => messageOf(thrown));
        if (done === true) return [`The network of allocation ${id} had lost rules, its lease or files: they are there again`];
        return done === false ? [] : [`The network of allocation ${id} could not be mended: ${done}`];
      }),
    );
  return {
    describe: () => describe(place, versions),
    preflight: () => preflight(place),
    async settle() {
      supported();
      // A machine without the plugins is left as it is: no network of ours will stand on it.
      if (lackingPlugins(place, place.bridge).length > 0) return [];
      const ground = await settle(place);
      return [...ground, ...(await Promise.all(records.list().map(mendedOf))).flat()];
    },
    async mend(id) {
      const record = records.read(named(id));
      if (record === undefined || !place.ip.has(labelOf(options.owner, id)) || lackingPlugins(place, place.bridge).length > 0) return [];
      return [...(record.mode === "bridge" ? await busy.enter(() => settleGround(place)) : []), ...(await mendedOf(id))];
    },
    setUp(request, signal) {
      return turns.take(named(request.id), async () => {
        supported();
        if (first !== undefined) {
          await first;
          return busy.enter(() => setUp(place, records, request, signal));
        }
        const begun = setUp(place, records, request, signal);
        first = begun.then(
          () => {},
          () => void (first = undefined),
        );
        return begun;
      });
    },
    find: (id) => findWhole(place, records, named(id)),
    tearDown: (id) => turns.take(named(id), () => busy.enter(() => tearDown(place, records, id))),
    async list() {
      const rules = [await place.four.read(), await place.six.read()];
      const labels = new Set([
        ...place.ip.namespaces(),
        ...everyLease(place).map((lease) => lease.container),
        ...rules.flatMap((one) => (one === undefined ? [] : [...labelsIn(one)])),
      ]);
      const ours = [...labels].flatMap((name) => {
        const label = readLabel(name);
        return label?.owner === options.owner ? [label.id] : [];
      });
      return [...new Set([...records.list(), ...ours])].sort();
    },
  };
}
