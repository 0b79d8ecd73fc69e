/**
 * On a host of the benchmark's own: networks set up and taken down by CNI, one at a time and several at once. Prints one object. Words: the folder for its
 * state, the folder of plugins, how many of each.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { cniNetworks } from "#integrations/cni";
import type { AllocationId } from "#model";

export interface NetworkTimes {
  readonly setUpMs: readonly number[];
  readonly tearDownMs: readonly number[];
  readonly setUpAtOnceMs: readonly number[];
  readonly tearDownAtOnceMs: readonly number[];
}

const AT_ONCE = 8;
const [folder = "", plugins = "", count = "0"] = process.argv.slice(2);
const networks = cniNetworks({
  owner: "be4cbe4c",
  stateDirectory: folder,
  cniPaths: [plugins],
  configDirectory: join(folder, "none"),
  bridge: { name: "bench0", subnet: "10.90.0.0/20", subnetIPv6: "", hairpin: false, mtu: 0 },
  nameservers: () => [],
});

let nextPort = 21_000;
async function setUp(id: AllocationId): Promise<number> {
  const started = performance.now();
  const ports = [{ label: "http", hostPort: nextPort++, to: 8080, hostIp: "" }];
  const request = { id, mode: "bridge", ports, hostname: "bench", dns: null, arguments: {}, redirect: null, holderPid: 0 };
  await networks.setUp(request, new AbortController().signal);
  return performance.now() - started;
}

async function tearDown(id: AllocationId): Promise<number> {
  const started = performance.now();
  await networks.tearDown(id);
  return performance.now() - started;
}

const times = { setUpMs: [] as number[], tearDownMs: [] as number[], setUpAtOnceMs: [] as number[], tearDownAtOnceMs: [] as number[] };
const fresh = (): AllocationId => randomUUID() as AllocationId;
await networks.settle();
// What the first one makes (bridge, chains) is no part of the rest.
const warm = fresh();
await setUp(warm);
for (let index = 0; index < Number(count); index++) {
  const id = fresh();
  times.setUpMs.push(await setUp(id));
  times.tearDownMs.push(await tearDown(id));
}
for (let index = 0; index < Number(count); index += AT_ONCE) {
  const ids = Array.from({ length: AT_ONCE }, fresh);
  times.setUpAtOnceMs.push(...(await Promise.all(ids.map(setUp))));
  times.tearDownAtOnceMs.push(...(await Promise.all(ids.map(tearDown))));
}
await tearDown(warm);
const left = await networks.list();
if (left.length > 0) throw new Error(`${left.length} networks are left`);
process.stdout.write(`${JSON.stringify(times satisfies NetworkTimes)}\n`);
