import assert from "node:assert/strict";
import { test } from "node:test";
import { moveLog, openRecordedLog, recoverShared, startCluster } from "#cluster";
import { memorySharedLog, openMemoryLog, openMemorySnapshots } from "#integrations/memory";
import type { Command } from "#state";
import { DEFAULT, job } from "../../state/nouns.ts";
import {
  createClusterWorld,
  type ClusterWorld,
  type ClusterWorldOptions,
  type SimulatedServer,
} from "../../../simulation/cluster-world.ts";

const register = (id: string): Command => ({
  type: "job-register",
  Job: job(id),
  Submission: null,
  Evaluation: null,
  EnforceIndex: null,
  PreserveCounts: false,
});

async function inWorld(body: (world: ClusterWorld) => Promise<void>, options: Partial<ClusterWorldOptions> = {}): Promise<void> {
  const world = createClusterWorld({ seed: 1, servers: 3, ...options });
  try {
    await body(world);
  } finally {
    await world.close();
  }
}

/** The outcome, while time passes. */
async function passing<T>(world: ClusterWorld, work: Promise<T>): Promise<T> {
  let done = false;
  work.finally(() => (done = true)).catch(() => undefined);
  for (let n = 0; !done && n < 600; n++) await world.clock.advance(50);
  return work;
}

async function started(world: ClusterWorld): Promise<{ leader: SimulatedServer; followers: readonly SimulatedServer[] }> {
  for (const server of world.servers) await world.start(server);
  await world.until("somebody leads", () => world.leaders().length === 1);
  const leader = world.leaders()[0] as SimulatedServer;
  return { leader, followers: world.servers.filter((server) => server !== leader) };
}

const clusterOf = (server: SimulatedServer | undefined) => {
  assert.ok(server?.cluster !== undefined);
  return server.cluster;
};

async function same(world: ClusterWorld): Promise<void> {
  const lastIndex = () => world.shared.content.head?.LastIndex ?? 0;
  await world.until("all have all", () => world.running().every(({ cluster }) => cluster?.state.logIndex === lastIndex()));
  const digests = new Set(world.running().map(({ cluster }) => cluster?.state.digest()));
  assert.equal(digests.size, 1);
}

test("Three new servers make one cluster; one leads; each takes writes and reads what another wrote", () =>
  inWorld(async (world) => {
    const { leader, followers } = await started(world);
    for (const [n, server] of world.servers.entries())
      assert.equal((await passing(world, clusterOf(server).propose(register(`j${n}`)))).ok, true);
    for (const server of world.servers) {
      const snapshot = await passing(world, clusterOf(server).read());
      assert.deepEqual(
        [...snapshot.jobs("*")].map(({ ID }) => ID),
        ["j0", "j1", "j2"],
      );
    }
    assert.equal(clusterOf(followers[0]).leaderAddress, `${leader.name}:4647`);
    assert.equal(clusterOf(leader).leads, true);
    await same(world);
    assert.equal(new Set(world.servers.map(({ cluster }) => cluster?.clusterId)).size, 1);
    assert.equal(JSON.parse(leader.files.get("log-maker.json") ?? "").maker, "consul");
  }));

test("A write through a server whose leader dies is taken by the next one, once; the dead one comes back and follows", () =>
  inWorld(async (world) => {
    const { leader, followers } = await started(world);
    await passing(world, clusterOf(followers[0]).propose(register("before")));
    // The leader has it appended; then it is gone before it could say so.
    world.peers.passes = (call, way) => !(call.method === "propose" && way === "back" && call.to === `${leader.name}:4647`);
    const written = clusterOf(followers[0]).propose(register("a"), "request-a");
    await world.clock.advance(1);
    world.kill(leader);
    const outcome = await passing(world, written);
    assert.equal(outcome.ok, true);
    assert.deepEqual(await passing(world, clusterOf(followers[1]).propose(register("another"), "request-a")), outcome);
    await world.start(leader);
    await passing(world, clusterOf(leader).propose(register("c")));
    await same(world);
    assert.equal(clusterOf(leader).state.snapshot().job(DEFAULT, "another"), undefined);
  }));

test("Two leaders never both write: one that is cut off is told so, its work ends, and what it still had on the way is answered by the next", () =>
  inWorld(async (world) => {
    const { leader } = await started(world);
    const { cluster: fencedOff, lost } = leader.work ?? assert.fail("work is under way");
    world.shared.setReachable(leader.name, false);
    const held = clusterOf(leader).propose(register("held"), "request-held");
    held.catch(() => undefined);
    await world.clock.advance(200);
    world.shared.endTenure();
    await world.until("another leads", () => world.leaders().some((server) => server !== leader));
    await world.until("the first knows", () => lost.aborted);
    await assert.rejects(fencedOff.propose(register("late")), { code: "CLUSTER_NOT_LEADING" });
    await world.until("its work has ended", () => leader.work === undefined);
    await assert.rejects(passing(world, clusterOf(leader).read()), { code: "CLUSTER_NO_LEADER" });
    world.shared.setReachable(leader.name, true);
    await passing(
      world,
      held.catch(() => undefined),
    );
    await same(world);
  }));

test("A reader waits while the shared log is out of reach for a moment, and is refused when it stays away", () =>
  inWorld(async (world) => {
    const { followers } = await started(world);
    const follower = followers[0] as SimulatedServer;
    world.shared.setReachable(follower.name, false);
    let answered = false;
    const reading = clusterOf(follower)
      .read()
      .then(() => (answered = true));
    await world.clock.advance(1_500);
    assert.equal(answered, false);
    world.shared.setReachable(follower.name, true);
    await passing(world, reading);
    world.shared.setReachable(follower.name, false);
    await assert.rejects(passing(world, clusterOf(follower).read()), { code: "CLUSTER_NO_LEADER" });
  }));

test("Where nobody leads a write is refused after a while, with what may still happen; reads go on while the log answers", () =>
  inWorld(
    async (world) => {
      const cluster = await world.start(world.servers[0] as SimulatedServer, { bootstrap: false });
      await assert.rejects(passing(world, cluster.propose(register("a"))), {
        code: "CLUSTER_NO_LEADER",
        statusCode: 500,
        message: /^No cluster leader/,
      });
      await assert.rejects(passing(world, cluster.read()), { code: "CLUSTER_NO_LEADER" });
      assert.equal(cluster.leader, undefined);
      assert.equal(cluster.clusterId, "");
    },
    { servers: 1 },
  ));

test("A server whose work cannot begin steps down, and another one leads (F5)", () => {
  let broken = "";
  return inWorld(
    async (world) => {
      for (const server of world.servers) await world.start(server);
      await world.until("somebody leads", () => world.leaders().length === 1);
      assert.notEqual(world.leaders()[0]?.name, broken);
      assert.ok(world.servers.some(({ name, told }) => name === broken && told.some((line) => line.includes("Cannot lead: no keyring"))));
    },
    {
      async onBegin(server) {
        broken ||= server.name;
        if (server.name === broken) throw new Error("no keyring");
      },
    },
  );
});

test("Leadership is transferred when asked for; alone it is refused", () =>
  inWorld(async (world) => {
    const { leader, followers } = await started(world);
    await world.clock.advance(6_000);
    await assert.rejects(clusterOf(followers[0]).transferLeadership(), { code: "CLUSTER_NOT_LEADING" });
    await clusterOf(leader).transferLeadership();
    await world.until("another leads", () => world.leaders().length === 1 && world.leaders()[0] !== leader);
    await passing(world, clusterOf(leader).propose(register("a")));
    await same(world);
  }));

test("Leadership goes to the server that is named, also when the leader's work gives it; naming the leader does nothing", () =>
  inWorld(async (world) => {
    let { leader } = await started(world);
    await world.clock.advance(6_000);
    for (let round = 0; round < 3; round++) {
      const named = world.servers.filter((server) => server !== leader)[round % 2] as SimulatedServer;
      const { cluster: work, lost } = leader.work ?? assert.fail("work is under way");
      await work.transferLeadership(leader.name);
      assert.equal(lost.aborted, false);
      await (round === 0 ? work : clusterOf(leader)).transferLeadership(named.name);
      await world.until("another leads", () => world.leaders().length === 1 && world.leaders()[0] !== leader, 2_000);
      assert.equal(world.leaders()[0], named);
      leader = named;
    }
    await passing(world, clusterOf(leader).propose(register("a")));
    await same(world);
  }));

test("A server that is named and died meanwhile delays the others two seconds; one known to be silent is refused, and nothing happens", () =>
  inWorld(async (world) => {
    const { leader, followers } = await started(world);
    const [dead, other] = followers as [SimulatedServer, SimulatedServer];
    await world.clock.advance(6_000);
    world.kill(dead);
    await clusterOf(leader).transferLeadership(dead.name);
    await world.clock.advance(1_900);
    assert.deepEqual(world.leaders(), []);
    await world.until("another leads", () => world.leaders().length === 1, 1_000);
    assert.equal(world.leaders()[0], other);
    await world.clock.advance(30_000);
    await assert.rejects(clusterOf(other).transferLeadership(dead.name), { code: "CLUSTER_SUCCESSOR_SILENT", statusCode: 409 });
    await assert.rejects(clusterOf(other).transferLeadership("nobody"), { code: "CLUSTER_SUCCESSOR_SILENT" });
    assert.deepEqual(world.leaders(), [other]);
    // Whoever was named is not waited for a second time.
    await clusterOf(other).transferLeadership(leader.name);
    await world.until("the first leads again", () => world.leaders()[0] === leader, 1_000);
  }));

test("The shared log keeps what one server has not on disk yet: a slow one follows on without a snapshot", () =>
  inWorld(
    async (world) => {
      const { leader, followers } = await started(world);
      const slow = followers[0] as SimulatedServer;
      await world.clock.advance(2_000);
      slow.disk.beforeAppend = () => Promise.reject(new Error("ENOSPC: no space left on device"));
      for (let n = 0; n < 60; n++) await passing(world, clusterOf(leader).propose(register(`j${n % 9}`)));
      await world.clock.advance(5_000);
      const has = slow.disk.firstIndex + slow.disk.entries.length - 1;
      const { Floor = 0, LastIndex = 0 } = world.shared.content.head ?? {};
      assert.ok(Floor > 1 && Floor <= has + 1, `floor ${Floor}, on the slow disk up to ${has}`);
      assert.ok(LastIndex > has + 50);
      slow.disk.beforeAppend = () => Promise.resolve();
      await same(world);
      assert.ok(!slow.told.some((line) => line.includes("fetched a snapshot")));
      await world.until("what all have is cut", () => (world.shared.content.head?.Floor ?? 0) > has + 1);
    },
    { limits: { cutMarginEntries: 1, cutEveryMs: 1_000, reportEveryMs: 500 } },
  ));

test("A server that the shared log has left behind fetches a snapshot, keeps it, and follows on", () =>
  inWorld(
    async (world) => {
      const { followers } = await started(world);
      const [late, other] = followers as [SimulatedServer, SimulatedServer];
      world.kill(late);
      for (let n = 0; n < 120; n++) await passing(world, clusterOf(other).propose(register(`j${n % 9}`)));
      await world.clock.advance(30_000);
      assert.ok((world.shared.content.head?.Floor ?? 0) > late.disk.entries.length + late.disk.firstIndex, "the log was cut above it");
      await world.start(late);
      await passing(world, clusterOf(late).propose(register("late")));
      await same(world);
      assert.ok(late.told.some((line) => line.includes("fetched a snapshot")));
      world.kill(late);
      await world.start(late);
      await same(world);
    },
    {
      snapshotEveryEntries: 20,
      limits: { cutMarginEntries: 4, cutPatienceEntries: 8, cutEveryMs: 1_000, reportEveryMs: 500, silenceMs: 5_000 },
    },
  ));

test("A disk that refuses: the server steps down, says so, and goes on when it takes again", () =>
  inWorld(async (world) => {
    const { leader } = await started(world);
    leader.disk.beforeAppend = () => Promise.reject(new Error("ENOSPC: no space left on device"));
    const written = clusterOf(leader).propose(register("a"));
    await world.until("another leads", () => world.leaders().length === 1 && world.leaders()[0] !== leader);
    assert.match(clusterOf(leader).problem?.message ?? "", /no space left/);
    assert.equal(clusterOf(leader).leader, undefined);
    leader.disk.beforeAppend = () => Promise.resolve();
    assert.equal((await passing(world, written)).ok, true);
    await same(world);
    assert.equal(clusterOf(leader).problem, undefined);
  }));

test("What another server restores replaces everything everywhere, the work begins anew, and indexes go on above both", () =>
  inWorld(async (world) => {
    const { leader, followers } = await started(world);
    for (const id of ["a", "b", "c"]) await passing(world, clusterOf(leader).propose(register(id)));
    await same(world);
    const saved: Uint8Array[] = [];
    for await (const bytes of clusterOf(followers[0]).readSnapshot(0)) saved.push(bytes);
    for (const id of ["d", "e"]) await passing(world, clusterOf(leader).propose(register(id)));
    const before = leader.work;
    const was = clusterOf(leader).state.index;
    const { Index } = await passing(
      world,
      clusterOf(followers[1]).restore(
        (async function* () {
          yield* saved;
        })(),
      ),
    );
    assert.ok(Index > was);
    await same(world);
    for (const server of world.servers)
      assert.deepEqual(
        [...clusterOf(server).state.snapshot().jobs("*")].map(({ ID }) => ID),
        ["a", "b", "c"],
      );
    await world.until("the work has begun anew", () => world.leaders().length === 1 && leader.work !== before);
    assert.equal(before?.lost.aborted, true);
    await assert.rejects(
      clusterOf(leader).restore(
        (async function* () {
          yield* saved.slice(0, -1);
        })(),
      ),
      { code: "STATE_SNAPSHOT_UNREADABLE" },
    );
    await passing(world, clusterOf(leader).propose(register("f")));
    await same(world);
  }));

test("Consul wiped, or put back to an older copy: servers refuse with what mends it; one disk becomes the truth, the others come along", () =>
  inWorld(async (world) => {
    const { leader, followers } = await started(world);
    await passing(world, clusterOf(leader).propose(register("a")));
    const older = world.shared.content;
    await passing(world, clusterOf(leader).propose(register("b")));
    await same(world);
    world.shared.restore(older);
    await world.until("all refuse", () => world.servers.every(({ cluster }) => cluster?.problem?.code === "SHARED_LOG_BEHIND"));
    assert.match(clusterOf(leader).problem?.fix ?? "", /drover operator raft recover/);
    assert.ok(leader.told.some((line) => line.startsWith("warn: ") && line.includes("drover operator raft recover")));
    assert.equal(clusterOf(leader).leader, undefined);
    await assert.rejects(passing(world, clusterOf(leader).read()), { code: "CLUSTER_NO_LEADER", fix: /raft recover/ });
    world.shared.wipe();
    await world.until("all refuse", () => world.servers.every(({ cluster }) => cluster?.problem?.code === "SHARED_LOG_WIPED"));
    for (const server of world.servers) await world.stop(server);
    const truth = followers[0] as SimulatedServer;
    const handle = memorySharedLog(world.shared, { server: "operator" });
    const disk = {
      read: async (path: string) => truth.files.get(path),
      write: async (path: string, text: string) => void truth.files.set(path, text),
    };
    const log = openMemoryLog(truth.disk);
    const recovered = await recoverShared({ log, snapshots: openMemorySnapshots(truth.disk), disk, shared: handle, clock: world.clock });
    assert.equal(recovered.lastIndex, log.lastIndex);
    for (const server of world.servers) await world.start(server);
    await world.until("somebody leads", () => world.leaders().length === 1);
    await passing(world, clusterOf(leader).propose(register("c")));
    await same(world);
    assert.deepEqual(
      [...clusterOf(leader).state.snapshot().jobs("*")].map(({ ID }) => ID),
      ["a", "b", "c"],
    );
  }));

test("One server's log moves to a shared one and back: everything is still there, new servers take it from the first", () =>
  inWorld(async (world) => {
    const [first, second] = world.servers as [SimulatedServer, SimulatedServer];
    const disk = {
      read: async (path: string) => first.files.get(path),
      write: async (path: string, text: string) => void first.files.set(path, text),
    };
    const open = () => openRecordedLog({ disk, dataDir: "/data", wanted: "sqlite", open: async () => openMemoryLog(first.disk) });
    const one = await startCluster({
      log: await open(),
      snapshots: openMemorySnapshots(first.disk),
      clock: world.clock,
      random: world.random,
    });
    for (const id of ["a", "b"]) await one.propose(register(id));
    const { clusterId } = one;
    await one.close();
    assert.equal(await moveLog(disk, "consul"), "moved");
    await assert.rejects(open(), { code: "LOG_MAKER_MISMATCH", fix: /migrate-backend -to=sqlite/ });
    await world.start(first, { bootstrap: false });
    await world.until("it leads", () => world.leaders()[0] === first);
    await world.start(second, { bootstrap: false });
    await world.until("both have all", () => second.cluster?.state.snapshot().job(DEFAULT, "b") !== undefined);
    assert.equal(clusterOf(second).clusterId, clusterId);
    await passing(world, clusterOf(second).propose(register("c")));
    await same(world);
    await world.stop(second);
    await world.stop(first);
    assert.equal(await moveLog(disk, "sqlite"), "moved");
    const again = await startCluster({
      log: await open(),
      snapshots: openMemorySnapshots(first.disk),
      clock: world.clock,
      random: world.random,
    });
    assert.deepEqual(
      [...again.state.snapshot().jobs("*")].map(({ ID }) => ID),
      ["a", "b", "c"],
    );
    await again.close();
  }));

test("A server of another cluster refuses to follow, and says to which each belongs", () =>
  inWorld(async (world) => {
    const [first, second] = world.servers as [SimulatedServer, SimulatedServer];
    await world.start(first);
    await world.until("it leads", () => world.leaders().length === 1);
    second.files.set("log-maker.json", JSON.stringify({ maker: "consul", clusterId: "c-other", formatVersion: 1 }));
    await world.start(second);
    await world.until("it refuses", () => second.cluster?.problem?.code === "SHARED_LOG_FOREIGN");
    assert.match(second.cluster?.problem?.message ?? "", /cluster "c-other"/);
  }));

test("An entry of a newer program halts a server, which says so and leads no more", () =>
  inWorld(async (world) => {
    const { leader } = await started(world);
    const halting = leader.work ?? assert.fail("work is under way");
    const { Packr } = await import("msgpackr");
    // As a newer leader would have written it.
    const { content, holder, version, inside } = world.shared;
    const head = content.head ?? assert.fail("there is a log");
    const entry = new Packr({ useRecords: true, moreTypes: false }).pack([1, 1, 0, "r", { type: "fly-to-the-moon" }]);
    const batch = { FirstIndex: head.LastIndex + 1, EpochId: head.EpochId, PreviousEpochId: head.EpochId, Entries: [entry] };
    assert.ok(inside.write(holder?.session, version, { ...head, LastIndex: batch.FirstIndex, WriteId: "w" }, batch));
    await world.until("all halt", () => world.servers.every(({ cluster }) => cluster?.problem?.code === "CLUSTER_HALTED"));
    assert.equal(halting.lost.aborted, true);
    assert.match(clusterOf(leader).problem?.message ?? "", /fly-to-the-moon/);
    await world.clock.advance(5_000);
    assert.equal(world.leaders().length, 0);
  }));

test("While one server is of an older program, what it could not read is refused; once it is upgraded the same leader takes it", () =>
  inWorld(async (world) => {
    const { leader, followers } = await started(world);
    const [old, next] = followers as [SimulatedServer, SimulatedServer];
    const reported = async (level: number) => {
      let found: number | undefined;
      const look = async () => (found = (await next.shared?.reports())?.find(({ ServerId }) => ServerId === old.name)?.FeatureLevel);
      await world.until(`${old.name} to report ${level}`, () => (void look(), found === level));
    };
    world.kill(old);
    old.featureLevel = 0;
    await world.start(old);
    await reported(0);
    world.kill(old);
    world.kill(leader);
    await world.until("another leads", () => world.leaders()[0] === next);
    const ask = () =>
      passing(
        world,
        clusterOf(next)
          .propose(register("new"))
          .then(
            ({ ok }) => ok,
            (thrown: { code?: string }) => thrown.code,
          ),
      );
    assert.equal(await ask(), "CLUSTER_FEATURE_LEVEL");
    delete old.featureLevel;
    await world.start(old);
    await world.start(leader);
    await reported(1);
    assert.equal(await ask(), true);
    assert.deepEqual(world.leaders(), [next]);
    await same(world);
  }));
