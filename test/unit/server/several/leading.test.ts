/** Leaders come and go: nodes stay, nothing is done twice, and what only the leader can say is said by it alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunningServer } from "#server";
import { NamedError } from "#std";
import { jobOf } from "../../../simulation/fixtures.ts";
import { several } from "./servers.ts";

const isCode = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;

test("a job sent to a follower is placed by the leader, on nodes of any server", () =>
  several(["a", "b", "c"], async (world) => {
    await world.lead("a");
    for (const on of ["a", "b", "c"]) await world.addNode({ name: `n-${on}` }, on);
    const [, b] = world.servers;
    await b?.server.registerJob({ Job: jobOf({ id: "web", type: "system", count: 1 }) });
    await world.clock.advance(5_000);
    const allocations = [...world.book.state.snapshot().allocations()];
    assert.deepEqual(
      allocations.map(({ ClientStatus }) => ClientStatus),
      ["running", "running", "running"],
    );
  }));

test("a thousand nodes outlive their leader: none is down, all are heard by the next one (F4)", () =>
  several(["a", "b", "c"], async (world) => {
    await world.lead("a");
    const names = world.servers.map(({ name }) => name);
    const connecting = Array.from({ length: 1_000 }, (_, index) => world.addNode({ name: `n${index}` }, names[index % 3] as string));
    await Promise.all(connecting);
    await world.clock.advance(30_000);
    // The leader's process is gone, its nodes with their connections; for a while nobody leads.
    await world.lead(undefined);
    await world.clock.advance(40_000);
    await world.lead("b");
    await world.clock.advance(120_000);
    const nodes = [...world.book.state.snapshot().nodes()];
    assert.equal(nodes.length, 1_000);
    assert.deepEqual([...new Set(nodes.map(({ Status }) => Status))], ["ready"]);
    assert.equal(world.servers[1]?.server.statistics()["heartbeat.active"], 1_000);
    assert.ok(nodes.every(({ Events }) => Events.every(({ Message }) => Message === "Node registered")));
    assert.ok((world.servers[1]?.beats ?? 0) > 0, "those of the others were told of");
  }));

test("followers tell the leader of many nodes at once", () =>
  several(["a", "b"], async (world) => {
    await world.lead("a");
    const [a, b] = world.servers;
    await Promise.all(Array.from({ length: 200 }, (_, index) => world.addNode({ name: `n${index}` }, "b")));
    assert.ok((a?.beats ?? Infinity) < 30, `${a?.beats} questions for 200 nodes`);
    assert.equal(b?.server.statistics()["nodes.connected"], 200);
    assert.equal(a?.server.statistics()["heartbeat.active"], 200);
  }));

test("a node that died with the leader is missed once the time of a failover is over", () =>
  several(
    ["a", "b"],
    async (world) => {
      await world.lead("a");
      const dead = await world.addNode({ name: "dead" }, "b");
      const alive = await world.addNode({ name: "alive" }, "b");
      dead.vanish();
      await world.lead("b");
      await world.clock.advance(60_000);
      const statusOf = (id: typeof dead.id) => world.book.state.snapshot().node(id)?.Status;
      assert.equal(statusOf(dead.id), "ready");
      await world.clock.advance(50_000);
      assert.deepEqual([statusOf(dead.id), statusOf(alive.id)], ["down", "ready"]);
    },
    { failoverHeartbeatTtlMs: 90_000 },
  ));

test("what only the leader knows is refused by the others, and by everybody while nobody leads", () =>
  several(
    ["a", "b"],
    async (world) => {
      await world.lead("a");
      const [a, b] = world.servers;
      await a?.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
      assert.equal(a?.server.explainJob("default", "web").JobID, "web");
      const refused = async (server: RunningServer | undefined) => {
        assert.throws(() => server?.explainJob("default", "web"), isCode("NOT_LEADING"));
        for (const asked of [
          () => server?.collectGarbage(),
          () => server?.rotateRootKey({ full: false, publishAtNs: null }),
          () => server?.deleteRootKey("x", false),
        ])
          await assert.rejects(async () => asked(), isCode("NOT_LEADING"));
        await assert.rejects(async () => server?.beat([]), isCode("PEER_NOT_LEADING"));
      };
      await refused(b?.server);
      await world.lead("b");
      await refused(a?.server);
      await world.lead(undefined);
      await refused(a?.server);
      await refused(b?.server);
      assert.equal(b?.server.statistics()["heartbeat.active"], 0);
    },
    { keyed: true },
  ));

test("who has a node is found, and nobody else's node is", () =>
  several(["a", "b", "c"], async (world) => {
    await world.lead("a");
    const node = await world.addNode({ name: "n" }, "b");
    const [a, b, c] = world.servers;
    assert.equal(await b?.server.whoHoldsNode(node.id), "");
    assert.equal(await c?.server.whoHoldsNode(node.id), "b:4647");
    world.cut("c", true);
    assert.equal(await a?.server.whoHoldsNode(node.id), "b:4647");
    node.vanish();
    await assert.rejects(async () => a?.server.whoHoldsNode(node.id), isCode("NODE_NOT_CONNECTED"));
  }));

test("a server that cannot reach the leader sends its nodes away before they are missed", () =>
  several(["a", "b"], async (world) => {
    await world.lead("a");
    const node = await world.addNode({ name: "n" }, "b");
    await world.clock.advance(30_000);
    const [, b] = world.servers;
    assert.equal(b?.server.holdsNode(node.id), true);
    world.cut("b", true);
    let waitedMs = 0;
    while (b?.server.holdsNode(node.id) === true && waitedMs < 60_000) {
      await world.clock.advance(500);
      waitedMs += 500;
    }
    assert.equal(world.book.state.snapshot().node(node.id)?.Status, "ready", `sent away after ${waitedMs} ms, in time`);
    assert.ok(waitedMs < 30_000);
    // It is back in touch: nodes are taken again.
    world.cut("b", false);
    await world.clock.advance(15_000);
    assert.equal(b?.server.holdsNode(node.id), true);
    assert.equal(world.book.state.snapshot().node(node.id)?.Status, "ready");
  }));

test("a leader that cannot begin leaves nobody acting, whichever step fails (F5)", async () => {
  for (let atStep = 1; ; atStep++) {
    let failing = false;
    let steps = 0;
    let listening = 0;
    let failed = false;
    const step = () => {
      if (failing && ++steps === atStep) throw new Error("simulated: it cannot be had");
    };
    await several(["a", "b"], async (world) => {
      const { clock, book } = world;
      const { watch } = book.state;
      const after = clock.after;
      const subscribe = watch.subscribe.bind(watch);
      Object.assign(clock, { after: (delayMs: number, run: () => void) => (step(), after(delayMs, run)) });
      Object.assign(watch, {
        subscribe: (...listener: Parameters<typeof subscribe>) => {
          step();
          const unsubscribe = subscribe(...listener);
          listening++;
          return () => (listening--, unsubscribe());
        },
      });
      const pending = clock.pending;
      failing = true;
      failed = await world.lead("a").then(
        () => false,
        () => true,
      );
      failing = false;
      if (!failed) return;
      assert.deepEqual([clock.pending, listening], [pending, 0], `what was started before step ${atStep} has ended`);
      await world.lead("b");
      await world.addNode({ name: "n" }, "a");
      const plans: string[] = [];
      subscribe(({ command }) => command.type === "plan-apply" && plans.push(command.Plan.EvalID));
      const registering = world.servers[0]?.server.registerJob({ Job: jobOf({ id: "web", count: 3 }) });
      await clock.advance(2_000);
      assert.deepEqual(plans, [(await registering)?.EvalID], "one broker, one plan");
    });
    if (!failed) return assert.ok(atStep > 8, `${atStep} steps failed once each`);
  }
});
