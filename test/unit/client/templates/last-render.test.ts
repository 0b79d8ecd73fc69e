/** A task that crashes while Vault, Consul or the servers are away begins again with what it had: losing them takes nothing from who runs (F51). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nothingNewer } from "../../../../src/client/templates/last-render.ts";
import { thingKey } from "#ports";
import { allocationId, anAllocation, SECOND, type Agent } from "../stage.ts";
import { aTemplate, createWorld, credentialsThing, keyThing, QUICK, smallRenderer, vaultTask, type World } from "./parts.ts";

const A = allocationId("a");
const FILE = `/alloc/${A}/main/local/out`;

function put(world: World, Templates: readonly object[], task: object = {}): void {
  world.server.put(anAllocation("a", { tasks: [{ RestartPolicy: QUICK, Templates: Templates.map(aTemplate), ...task }] }));
}
function newest(world: World) {
  const [id, process] = [...world.machine.processes].at(-1) ?? [];
  assert.ok(id !== undefined && process !== undefined);
  return { id, process };
}
function crash(world: World): void {
  world.machine.end(newest(world).id, 1);
}
function texts(world: World): readonly string[] {
  return (world.told(A)?.TaskStates["main"]?.Events ?? []).map(({ DisplayMessage }) => DisplayMessage);
}
/** A new agent that finds Consul away, and the task's process with it. */
async function newLife(world: World, agent: Agent): Promise<Agent> {
  agent.kill();
  world.consul.reachable = false;
  const next = await world.begin();
  await world.clock.advance(20 * SECOND);
  return next;
}

describe("a task that crashes while what its templates look at is away", () => {
  test("begins again with the files of before, says so, and is told of what has changed as soon as that is known", async () => {
    const world = createWorld();
    world.key("a", "1");
    world.key("b", "1");
    const agent = await world.begin();
    put(world, [{ DestPath: "local/out" }, { DestPath: "local/env", EmbeddedTmpl: "B=<key b> <now>", Envvars: true, ChangeMode: "noop" }]);
    await world.clock.advance(SECOND);
    await newLife(world, agent);
    const files = new Map(world.machine.written);
    crash(world);
    await world.clock.advance(20 * SECOND);
    assert.equal(world.machine.everStarted.length, 2, "it runs again");
    assert.deepEqual(new Map(world.machine.written), files);
    assert.equal(newest(world).process.start.environment["B"], files.get(`/alloc/${A}/main/local/env`)?.slice(2));
    assert.match(texts(world).join("\n"), /Started with what was rendered before: Missing: kv\.block\(a\).*does not answer/);
    world.consul.reachable = true;
    await world.clock.advance(60 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, new Map(world.machine.written)], [2, files], "nothing has changed");
    world.key("a", "2");
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.machine.written.get(FILE)], [3, "2"]);
  });

  test("what changed while it was away is told when it is back", async () => {
    const world = createWorld();
    world.key("a", "1");
    const agent = await world.begin();
    put(world, [{ ChangeMode: "signal", ChangeSignal: "SIGUSR1" }]);
    await world.clock.advance(SECOND);
    await newLife(world, agent);
    world.key("a", "2");
    crash(world);
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.machine.written.get(FILE)], [2, "1"]);
    world.consul.reachable = true;
    await world.clock.advance(60 * SECOND);
    const { process } = newest(world);
    assert.deepEqual([world.machine.written.get(FILE), process.signals, world.machine.everStarted.length], ["2", ["SIGUSR1"], 2]);
  });

  test("also when both end together, and when nobody answers at all", async () => {
    const world = createWorld();
    world.key("a", "1");
    const agent = await world.begin();
    put(world, [{}]);
    await world.clock.advance(SECOND);
    agent.kill();
    crash(world);
    const read = world.consul.read;
    world.consul.read = () => new Promise(() => {});
    await world.begin();
    await world.clock.advance(8 * SECOND);
    assert.equal(world.machine.everStarted.length, 1, "an answer may be on its way");
    await world.clock.advance(5 * SECOND);
    assert.equal(world.machine.everStarted.length, 2);
    world.consul.read = read;
  });

  test("not with what the task wrote there itself, not with what a reboot took away, not when it wants to be rendered anew", async () => {
    for (const how of ["written", "gone", "render_templates"] as const) {
      const world = createWorld();
      world.key("a", "1");
      const agent = await world.begin();
      put(world, [{}], how === "render_templates" ? { RestartPolicy: { ...QUICK, RenderTemplates: true } } : {});
      await world.clock.advance(SECOND);
      await newLife(world, agent);
      if (how === "written") world.machine.written.set(FILE, "mine");
      if (how === "gone") world.machine.written.delete(FILE);
      crash(world);
      await world.clock.advance(60 * SECOND);
      assert.equal(world.machine.everStarted.length, 1, how);
      assert.match(texts(world).at(-1) ?? "", /Missing: kv\.block\(a\)/);
      world.consul.reachable = true;
      await world.clock.advance(60 * SECOND);
      assert.deepEqual([world.machine.everStarted.length, world.machine.written.get(FILE)], [2, "1"]);
    }
  });

  test("a key that was taken away, or that says nonsense now, does not keep it down either", async () => {
    for (const [text, value] of [
      ["<key a>", undefined],
      ["<number a>", "nonsense"],
    ] as const) {
      const world = createWorld();
      world.key("a", "1");
      await world.begin();
      put(world, [{ EmbeddedTmpl: text }]);
      await world.clock.advance(SECOND);
      world.key("a", value);
      await world.clock.advance(5 * SECOND);
      crash(world);
      await world.clock.advance(5 * SECOND);
      assert.deepEqual([world.machine.everStarted.length, world.machine.written.get(FILE)], [2, "1"]);
      world.key("a", "2");
      await world.clock.advance(5 * SECOND);
      assert.deepEqual([world.machine.everStarted.length, world.machine.written.get(FILE)], [3, "2"]);
    }
  });

  test("credentials of the last render live on while they are used", async () => {
    const world = createWorld();
    world.key("a", "1");
    world.vault.lend(credentialsThing("db"), { lifeMs: 60 * SECOND, maxMs: 100_000 * SECOND });
    const agent = await world.begin();
    put(world, [{ EmbeddedTmpl: "<key a> <creds db>" }]);
    await world.clock.advance(SECOND);
    await newLife(world, agent);
    crash(world);
    await world.clock.advance(300 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.vault.counts.made, world.vault.leases.size], [2, 1, 1]);
    world.consul.reachable = true;
    await world.clock.advance(300 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.vault.counts.made, world.vault.leases.size], [2, 1, 1]);
  });

  test("what the files were made of lives on while a template looks elsewhere, and is let go of with the next render", async () => {
    const world = createWorld();
    const [a, b] = [keyThing("a"), keyThing("b")];
    world.key("a", "1");
    world.vault.lend(credentialsThing("db"), { lifeMs: 60 * SECOND, maxMs: 100_000 * SECOND });
    const renderer = smallRenderer();
    await world.agent({
      thingSources: [world.consul, world.vault],
      renderer: () => ({
        ...renderer,
        render: async (request) => {
          const [first, second] = [a, b].map((thing) => request.facts.get(thingKey(thing))?.value);
          if (first !== "elsewhere") return renderer.render(request);
          if (second === undefined) return { what: "waiting", missing: [b], used: [a] };
          return { what: "rendered", text: String(second), used: [a, b] };
        },
      }),
    });
    put(world, [{ EmbeddedTmpl: "<key a> <creds db>", ChangeMode: "noop" }]);
    await world.clock.advance(SECOND);
    world.key("a", "elsewhere");
    await world.clock.advance(100 * SECOND);
    assert.deepEqual([world.vault.counts.made, world.vault.leases.size], [1, 1], "the process uses it");
    crash(world);
    await world.clock.advance(100 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.vault.counts.made, world.vault.leases.size], [2, 1, 1], "and the next one");
    world.key("b", "2");
    await world.clock.advance(100 * SECOND);
    assert.deepEqual([world.machine.written.get(FILE), world.vault.leases.size], ["2", 0]);
  });

  test("its token: what it has does, though its life is over; the next is told", async () => {
    const world = createWorld(1, { tokenLifeMs: 120 * SECOND });
    const agent = await world.begin();
    put(world, [], vaultTask());
    await world.clock.advance(SECOND);
    const token = newest(world).process.start.environment["VAULT_TOKEN"];
    world.vaultExchange.reachable = false;
    await world.clock.advance(200 * SECOND);
    crash(world);
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, newest(world).process.start.environment["VAULT_TOKEN"]], [2, token]);
    agent.kill();
    await world.begin();
    await world.clock.advance(5 * SECOND);
    crash(world);
    await world.clock.advance(5 * SECOND);
    assert.equal(world.machine.everStarted.length, 3, "also for the next agent");
    world.vaultExchange.reachable = true;
    await world.clock.advance(20 * SECOND);
    const next = newest(world).process.start.environment["VAULT_TOKEN"];
    assert.deepEqual([world.machine.everStarted.length, world.vaultExchange.tokens.has(next ?? "")], [4, true]);
  });

  test("a first start waits for Vault", async () => {
    const world = createWorld();
    world.vaultExchange.reachable = false;
    await world.begin();
    put(world, [], vaultTask());
    await world.clock.advance(60 * SECOND);
    assert.equal(world.machine.everStarted.length, 0);
    world.vaultExchange.reachable = true;
    await world.clock.advance(20 * SECOND);
    assert.equal(world.machine.everStarted.length, 1);
  });

  test("servers that are away hold up neither tokens that are there nor values that were opened", async () => {
    const world = createWorld();
    world.server.unsealed["sealed.v1.abc"] = "hunter2hunter2";
    const agent = await world.begin();
    put(world, [{ EmbeddedTmpl: "${sealed.v1.abc}" }], { ...vaultTask(), Env: { ONE: "${sealed.v1.abc}" } });
    await world.clock.advance(SECOND);
    world.server.refuse = true;
    world.server.lose();
    crash(world);
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, newest(world).process.start.environment["ONE"]], [2, "hunter2hunter2"]);
    agent.kill();
    await world.begin();
    await world.clock.advance(5 * SECOND);
    crash(world);
    await world.clock.advance(5 * SECOND);
    assert.equal(world.machine.everStarted.length, 2, "a new agent has to ask for the values");
    world.server.refuse = false;
    await world.clock.advance(60 * SECOND);
    assert.equal(world.machine.everStarted.length, 3);
    assert.match(texts(world).join("\n"), /sensitive variables/, "and says what it waits for");
  });

  test("a token needs no servers while it lives, also for an agent that has just begun", async () => {
    const world = createWorld();
    const agent = await world.begin();
    put(world, [], vaultTask());
    await world.clock.advance(SECOND);
    agent.kill();
    crash(world);
    world.server.refuse = true;
    await world.begin();
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.vaultExchange.minted], [2, 1]);
  });

  test("nothing newer: every missing thing was answered about, or waited for", () => {
    const [a, b] = [keyThing("a"), keyThing("b")];
    const standing = { missing: [a, b], problem: undefined };
    const problems = new Map([[thingKey(a), "away"]]);
    const facts = new Map([[thingKey(b), { value: undefined }]]);
    assert.deepEqual(
      [
        nothingNewer(standing, facts, problems, false),
        nothingNewer(standing, new Map(), problems, false),
        nothingNewer(standing, facts, new Map(), false),
        nothingNewer(standing, new Map(), new Map(), true),
        nothingNewer({ missing: [], problem: undefined }, facts, problems, true),
      ],
      [true, false, false, true, false],
    );
  });
});

describe("once", () => {
  test("what was made for it lives on, through restarts of the agent and of a task with a Vault token", async () => {
    const world = createWorld();
    world.vault.lend(credentialsThing("db"), { lifeMs: 60 * SECOND, maxMs: 100_000 * SECOND });
    const agent = await world.begin();
    put(world, [{ EmbeddedTmpl: "<creds db>", Once: true }], vaultTask());
    await world.clock.advance(SECOND);
    agent.kill();
    await world.begin();
    await world.clock.advance(120 * SECOND);
    assert.deepEqual([world.vault.counts.made, world.vault.leases.size], [1, 1], "the process still uses it");
    crash(world);
    await world.clock.advance(120 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.vault.counts.made, world.vault.leases.size], [2, 1, 1]);
  });

  test("is not rendered again though its task has a Vault token", async () => {
    const world = createWorld();
    world.key("a", "1");
    await world.begin();
    put(world, [{ Once: true }], vaultTask());
    await world.clock.advance(SECOND);
    world.key("a", "2");
    crash(world);
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.machine.written.get(FILE)], [2, "1"]);
  });
});

test("a renderer that breaks ends no watch: it is tried again", async () => {
  const world = createWorld();
  world.key("a", "1");
  const broken = { now: false };
  const renderer = smallRenderer();
  await world.agent({
    thingSources: [world.consul],
    renderer: () => ({
      ...renderer,
      render: (request) => (broken.now ? Promise.reject(new Error("the process of templates has ended")) : renderer.render(request)),
    }),
  });
  put(world, [{ ChangeMode: "noop" }]);
  await world.clock.advance(SECOND);
  broken.now = true;
  world.key("a", "2");
  await world.clock.advance(SECOND);
  broken.now = false;
  await world.clock.advance(30 * SECOND);
  assert.equal(world.machine.written.get(FILE), "2", "nothing else had to change");
  assert.match(texts(world).join(), /Template failed: the process of templates has ended/);
});

describe("a memory that cannot be written", () => {
  test("holds a restart up, says so, and is tried again", async () => {
    const world = createWorld();
    world.key("a", "1");
    await world.begin();
    put(world, [{}]);
    await world.clock.advance(SECOND);
    world.memory.full = true;
    world.key("a", "2");
    await world.clock.advance(20 * SECOND);
    assert.equal(world.machine.everStarted.length, 1);
    world.memory.full = false;
    await world.clock.advance(20 * SECOND);
    assert.equal(world.machine.everStarted.length, 2);
    assert.match(texts(world).join(), /waiting to restart: database or disk is full/);
  });

  test("ends no watch and no agent: what came meanwhile is told after", async () => {
    const world = createWorld();
    world.key("a", "1");
    world.key("b", "1");
    world.vault.lend(credentialsThing("db"), { lifeMs: 600 * SECOND, maxMs: 100_000 * SECOND });
    await world.begin();
    put(
      world,
      [
        { ChangeMode: "signal", ChangeSignal: "SIGHUP" },
        { EmbeddedTmpl: "<key b> <creds db>", DestPath: "local/b" },
      ],
      vaultTask(),
    );
    await world.clock.advance(SECOND);
    world.memory.full = true;
    world.key("a", "2");
    world.key("b", "2");
    world.vaultExchange.forget();
    await world.clock.advance(60 * SECOND);
    assert.equal(world.machine.written.get(FILE), "2");
    world.memory.full = false;
    await world.clock.advance(120 * SECOND);
    world.key("a", "3");
    await world.clock.advance(30 * SECOND);
    assert.deepEqual([world.machine.written.get(FILE), world.machine.written.get(`/alloc/${A}/main/local/b`)?.split(" ")[0]], ["3", "2"]);
    assert.equal(world.server.turns.size, 0);
    world.machine.heard = (what) => (world.memory.full ||= what === "stop");
    world.server.put({ ...(world.server.allocations.get(A) as never as object), DesiredStatus: "stop" } as never);
    await world.clock.advance(30 * SECOND);
    world.memory.full = false;
    await world.clock.advance(400 * SECOND);
    assert.deepEqual([world.vault.leases.size, world.vaultExchange.tokens.size, world.server.turns.size], [0, 0, 0]);
  });
});
