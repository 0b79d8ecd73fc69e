/** Templates and agents that die: what lies in a file is what the process was last told of, at rest, whatever happened before (F51, F52). */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, test } from "node:test";
import { clientKillPoints } from "#client";
import { testScale } from "../../../scale.ts";
import { allocationId, anAllocation, SECOND, type Agent } from "../stage.ts";
import { aTemplate, createWorld, credentialsThing, QUICK, vaultTask, type World } from "./parts.ts";

const A = allocationId("a");
const FILES = ["signal", "env", "noop", "creds"] as const;
const path = (name: string) => `/alloc/${A}/main/local/${name}`;

/** What each process has seen of its files: at its start, and whenever it was signalled. */
function observe(world: World, effect: () => void) {
  const { processes, written } = world.machine;
  const { facts } = world.memory;
  const seen = new Map<string, Readonly<Record<string, string | undefined>>>();
  const counts = { signals: 0 };
  const look = () => Object.fromEntries(FILES.map((name) => [name, written.get(path(name))]));
  const start = processes.set.bind(processes);
  processes.set = (id, made) => {
    seen.set(id, look());
    const push = made.signals.push.bind(made.signals);
    made.signals.push = (...signals) => {
      if (signals.includes("SIGHUP")) {
        seen.set(id, { ...seen.get(id), signal: written.get(path("signal")) });
        counts.signals++;
      }
      const length = push(...signals);
      effect();
      return length;
    };
    start(id, made);
    effect();
    return processes;
  };
  for (const map of [written, facts] as Map<string, string>[]) {
    const set = map.set.bind(map);
    map.set = (key, value) => {
      set(key, value);
      effect();
      return map;
    };
  }
  return { seen, counts };
}

function place(world: World, DesiredStatus = "run"): void {
  const Templates = [
    aTemplate({ DestPath: "local/signal", EmbeddedTmpl: "<key a> <env NOMAD_TOKEN>", ChangeMode: "signal" }),
    aTemplate({ DestPath: "local/env", EmbeddedTmpl: "B=<key b>", Envvars: true }),
    aTemplate({ DestPath: "local/noop", EmbeddedTmpl: "<or c> <now>", ChangeMode: "noop" }),
    aTemplate({ DestPath: "local/creds", EmbeddedTmpl: "<creds db>" }),
  ];
  world.server.put(anAllocation("a", { tasks: [{ RestartPolicy: QUICK, Templates }], DesiredStatus } as never));
}

function start(world: World): void {
  world.key("a", "0");
  world.key("b", "0");
  world.vault.lend(credentialsThing("db"), { lifeMs: 600 * SECOND, maxMs: 100_000 * SECOND });
}

function atRest(world: World, seen: ReturnType<typeof observe>["seen"], a: string, b: string): void {
  const [id, process] = [...world.machine.processes].find(([, { exit }]) => exit === undefined) ?? [];
  assert.ok(id !== undefined && process !== undefined, `a process runs: ${JSON.stringify(world.told(A))}`);
  const now = Object.fromEntries(FILES.map((name) => [name, world.machine.written.get(path(name))]));
  assert.deepEqual([now["signal"], now["env"]], [`${a} `, `B=${b}`], "files say what is so");
  assert.equal(seen.get(id)?.["signal"], now["signal"], "and the process was told");
  assert.deepEqual([process.start.environment["B"], seen.get(id)?.["creds"]], [b, now["creds"]]);
  assert.ok(
    [...world.vault.leases.values()].some(({ value }) => (value as { Data: { username: string } }).Data.username === now["creds"]),
    "its login lives",
  );
  assert.ok(world.vault.leases.size <= 2);
  assert.equal(world.server.turns.size, 0, "no turn is kept");
}

describe("templates and agents that die", () => {
  test("a restart of the agent renders again, and does nothing to the task, though time and tokens have changed", async () => {
    const world = createWorld();
    const { seen, counts } = observe(world, () => {});
    start(world);
    let agent = await world.begin();
    place(world);
    await world.clock.advance(5 * SECOND);
    for (let life = 0; life < 5; life++) {
      const files = new Map(world.machine.written);
      agent.kill();
      await world.clock.advance(30 * SECOND);
      agent = await world.begin();
      await world.clock.advance(30 * SECOND);
      assert.deepEqual(new Map(world.machine.written), files);
    }
    atRest(world, seen, "0", "0");
    assert.deepEqual([world.machine.everStarted.length, counts.signals, world.vault.counts.made], [1, 0, 1]);
    assert.ok(world.renders.length >= 24);
  });

  const points = clientKillPoints().filter((name) => /template|secret\.|vault-token|task\.process/.test(name));
  for (const dieAt of points) {
    test(`killed at ${dieAt}`, async () => {
      const world = createWorld();
      const { seen } = observe(world, () => {});
      start(world);
      const agent = await world.begin({ dieAt });
      place(world);
      await world.clock.advance(5 * SECOND);
      world.key("b", "1");
      await world.clock.advance(5 * SECOND);
      if (agent.dead()) await world.begin();
      world.key("a", "1");
      await world.clock.advance(60 * SECOND);
      if (!dieAt.includes(".leave.")) {
        assert.ok(agent.dead(), "it came by there");
        atRest(world, seen, "1", "1");
      }
      place(world, "stop");
      await world.clock.advance(10 * SECOND);
      if (agent.dead()) await world.begin();
      await world.clock.advance(60 * SECOND);
      assert.deepEqual([world.vault.leases.size, world.machine.strays], [0, []]);
      assert.deepEqual(
        [...world.memory.facts.keys()].filter((name) => /^(told|turn|thing)/.test(name)),
        [],
      );
    });
  }

  type Act =
    | { readonly what: "key"; readonly name: "a" | "b" | "c"; readonly value: number }
    | { readonly what: "kill" | "exit" | "away" | "back" | "restart" }
    | { readonly what: "die"; readonly after: number }
    | { readonly what: "wait"; readonly ms: number };
  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ what: fc.constant("key" as const), name: fc.constantFrom("a", "b", "c"), value: fc.nat(2) }) },
    { weight: 4, arbitrary: fc.record({ what: fc.constantFrom("kill", "exit", "away", "back", "restart") }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constant("die" as const), after: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 5, arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.constantFrom(1, 50, 200, 1000, 10_000) }) },
  );

  test("at rest the process knows what its files say, whatever happened", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        const world = createWorld();
        const life: { agent?: Agent; dieAfter: number } = { dieAfter: 0 };
        const { seen, counts } = observe(world, () => {
          if (life.dieAfter > 0 && --life.dieAfter === 0) life.agent?.kill();
        });
        start(world);
        const begin = async () => {
          if (life.agent === undefined || life.agent.dead()) life.agent = await world.begin();
        };
        await begin();
        place(world);
        const values = { a: "0", b: "0", c: "" };
        let kills = 0;
        let exits = 0;
        let changes = { a: 0, b: 0 };
        for (const each of acts) {
          if (each.what === "key") {
            const value = String(each.value);
            if (value !== values[each.name] && each.name !== "c") changes = { ...changes, [each.name]: changes[each.name] + 1 };
            values[each.name] = value;
            world.key(each.name, value);
          } else if (each.what === "wait") await world.clock.advance(each.ms);
          else if (each.what === "kill") {
            kills++;
            life.agent?.kill();
          } else if (each.what === "die") {
            kills++;
            life.dieAfter = each.after;
          } else if (each.what === "restart") await begin();
          else if (each.what === "exit") {
            const [id] = [...world.machine.processes].find(([, { exit }]) => exit === undefined) ?? [];
            if (id !== undefined) world.machine.end(id, 1);
            exits++;
          } else world.consul.reachable = each.what === "back";
        }
        life.dieAfter = 0;
        world.consul.reachable = true;
        await begin();
        await world.clock.advance(400 * SECOND);
        atRest(world, seen, values.a, values.b);
        assert.ok(world.machine.everStarted.length <= 1 + changes.b + exits, "no restart without a reason");
        assert.ok(counts.signals <= changes.a + kills, "no signal without a reason");
        life.agent?.kill();
      }),
      { numRuns: 60 * testScale() },
    );
  });

  test("killed between the signal and the note of it, with the change taken back meanwhile: the process is told again", async () => {
    const world = createWorld();
    const life: { agent?: Agent; armed: boolean } = { armed: false };
    const { seen, counts } = observe(world, () => {
      if (!life.armed || counts.signals === 0) return;
      life.armed = false;
      life.agent?.kill();
    });
    start(world);
    life.agent = await world.begin();
    place(world);
    await world.clock.advance(5 * SECOND);
    life.armed = true;
    world.key("a", "1");
    await world.clock.advance(5 * SECOND);
    assert.ok(life.agent.dead());
    world.key("a", "0");
    await world.begin();
    await world.clock.advance(60 * SECOND);
    atRest(world, seen, "0", "0");
    assert.deepEqual([counts.signals, world.machine.everStarted.length], [2, 1]);
  });

  test("a Vault token is the task's through restarts of the agent", async () => {
    const world = createWorld();
    const agent = await world.begin();
    world.server.put(anAllocation("a", { tasks: [{ ...vaultTask(), RestartPolicy: QUICK }] }));
    await world.clock.advance(5 * SECOND);
    agent.kill();
    await world.begin();
    await world.clock.advance(60 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.vaultExchange.minted], [1, 1]);
  });
});
