/** What may befall a cluster of several servers; each fault ends by itself or when everything is mended. All chance comes from the seed. */
import type { ClusterWorld, SimulatedServer } from "./cluster-world.ts";

export interface Faults {
  /** One thing happens; its name. */
  step(): Promise<string>;
  /** Everything is whole again; those that are down are started. */
  mend(): Promise<void>;
}

export function createFaults(world: ClusterWorld): Faults {
  const { clock, random, shared, peers } = world;
  const cut = new Set<string>();
  const lossy = { requests: 0, answers: 0, peerAnswers: 0, delayMs: 0 };
  const chance = (fraction: number): boolean => random.fraction() < fraction;
  const some = <T>(values: readonly T[]): T => values[random.integer(values.length)] as T;
  const pair = (a: string, b: string): string => [a, b].sort().join(" ");

  shared.deliver = async () => {
    if (lossy.delayMs > 0 && chance(0.3)) await clock.sleep(random.integer(lossy.delayMs));
    if (chance(lossy.requests)) throw new Error("the request is lost");
  };
  shared.answer = async () => {
    if (chance(lossy.answers)) throw new Error("the answer is lost");
  };
  peers.passes = async (call, way) => {
    if (cut.has(pair(call.from, call.to))) return false;
    if (lossy.delayMs > 0 && chance(0.2)) await clock.sleep(random.integer(lossy.delayMs));
    return !(way === "back" && chance(lossy.peerAnswers));
  };

  const moves: Readonly<Record<string, () => Promise<void> | void>> = {
    async kill() {
      const up = world.running();
      // Half of the time whoever acts.
      const leader = world.leaders()[0];
      if (up.length > 1) world.kill(leader !== undefined && chance(0.5) ? leader : some(up));
    },
    async start() {
      const down = world.servers.filter(({ cluster }) => cluster === undefined);
      if (down.length > 0) await world.start(some(down));
    },
    async stopInOrder() {
      const up = world.running();
      if (up.length > 2) await stopping(world, some(up));
    },
    "cut off from the log": () => shared.setReachable(some(world.servers).name, false),
    "reaches the log": () => world.servers.forEach(({ name }) => shared.setReachable(name, true)),
    "session ends": () => shared.endTenure(),
    "peers parted": () => void cut.add(pair(`${some(world.servers).name}:4647`, `${some(world.servers).name}:4647`)),
    "peers together": () => cut.clear(),
    "requests lost": () => void (lossy.requests = 0.1),
    "answers lost": () => void (lossy.answers = 0.15),
    "peers' answers lost": () => void (lossy.peerAnswers = 0.3),
    "roads slow": () => void (lossy.delayMs = 1_500),
    "roads well": () => void Object.assign(lossy, { requests: 0, answers: 0, peerAnswers: 0, delayMs: 0 }),
    "disk full": () => void (some(world.servers).disk.beforeAppend = () => Promise.reject(new Error("ENOSPC: no space left on device"))),
    "disk slow": () => void (some(world.servers).disk.beforeAppend = () => clock.sleep(random.integer(400))),
    "disks well": () => diskWell(world),
    "clock off": () => void (some(world.servers).skewMs = random.integer(20_000) - 10_000),
    // Not awaited: on a slow road its answer needs time to pass.
    "leadership transferred"() {
      void world
        .leaders()[0]
        ?.cluster?.transferLeadership()
        .catch(() => undefined);
    },
    async compact() {
      void some(world.servers)
        .cluster?.compact()
        .catch(() => undefined);
    },
  };
  const names = Object.keys(moves);

  return {
    async step() {
      const name = some(names);
      await moves[name]?.();
      return name;
    },
    async mend() {
      cut.clear();
      Object.assign(lossy, { requests: 0, answers: 0, peerAnswers: 0, delayMs: 0 });
      diskWell(world);
      for (const server of world.servers) {
        shared.setReachable(server.name, true);
        server.skewMs = 0;
        if (server.cluster === undefined) await world.start(server);
      }
    },
  };
}

function diskWell(world: ClusterWorld): void {
  for (const { disk } of world.servers) disk.beforeAppend = () => Promise.resolve();
}

async function stopping(world: ClusterWorld, server: SimulatedServer): Promise<void> {
  let done = false;
  const stopped = world.stop(server).finally(() => (done = true));
  stopped.catch(() => undefined);
  for (let n = 0; !done && n < 100; n++) await world.clock.advance(100);
  if (!done) world.kill(server);
}
