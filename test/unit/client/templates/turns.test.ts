import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { allocationId, anAllocation, NANOSECONDS, SECOND, type AllocationShape } from "../stage.ts";
import { aTemplate, createWorld, QUICK, vaultTask, type World } from "./parts.ts";

const A = allocationId("a");
const Update = {
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 20 * NANOSECONDS,
  HealthyDeadline: 120 * NANOSECONDS,
};

function put(
  world: World,
  shape: AllocationShape = {},
  tasks: AllocationShape["tasks"] = [{ RestartPolicy: QUICK, Templates: [aTemplate()] }],
): void {
  world.server.put(anAllocation("a", { tasks, group: { Update } as never, ...shape }));
}
function texts(world: World, task = "main"): readonly string[] {
  return (world.told(A)?.TaskStates[task]?.Events ?? [])
    .filter(({ Type }) => Type === "Template")
    .map(({ DisplayMessage }) => DisplayMessage);
}

describe("a restart for rotation", () => {
  test("waits for its turn, and says why once; the turn is given back when the task has been well for min_healthy_time", async () => {
    const world = createWorld();
    world.key("a", "1");
    await world.begin();
    put(world);
    await world.clock.advance(SECOND);
    world.server.noTurns = "1 of 1 allocations are being restarted";
    world.key("a", "2");
    await world.clock.advance(60 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.server.turns.size], [1, 0]);
    assert.deepEqual(texts(world), ["Template re-rendered, waiting to restart: 1 of 1 allocations are being restarted"]);
    world.server.noTurns = "";
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.server.turns.size], [2, 1]);
    await world.clock.advance(10 * SECOND);
    assert.equal(world.server.turns.size, 1, "not yet well for long enough");
    await world.clock.advance(15 * SECOND);
    assert.deepEqual([world.server.turns.size, world.memory.facts.has(`turn/${A}`)], [0, false]);
  });

  test("a change that vanishes gives up its place; one that never gets well gives it back at healthy_deadline", async () => {
    const world = createWorld();
    world.key("a", "1");
    await world.begin();
    put(world);
    await world.clock.advance(SECOND);
    world.server.noTurns = "others";
    world.key("a", "2");
    await world.clock.advance(10 * SECOND);
    world.key("a", "1");
    await world.clock.advance(10 * SECOND);
    assert.match(texts(world).at(-1) ?? "", /as the task knows it again: it is not restarted/, "what was said of its turn holds no more");
    world.server.noTurns = "";
    await world.clock.advance(10 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.server.turns.size, world.memory.facts.has(`turn/${A}`)], [1, 0, false]);
    world.key("a", "3");
    await world.clock.advance(2 * SECOND);
    for (let crash = 1; crash < 30; crash++) {
      const [id] = [...world.machine.processes].find(([, { exit }]) => exit === undefined) ?? [];
      if (id !== undefined) world.machine.end(id, 1);
      await world.clock.advance(5 * SECOND);
      if (crash === 10) assert.equal(world.server.turns.size, 1);
    }
    assert.equal(world.server.turns.size, 0);
  });

  test("servers that are away are named as what it waits for", async () => {
    const world = createWorld();
    world.key("a", "1");
    await world.begin();
    put(world);
    await world.clock.advance(SECOND);
    world.server.refuse = true;
    world.server.lose();
    world.key("a", "2");
    await world.clock.advance(10 * SECOND);
    world.server.refuse = false;
    await world.clock.advance(60 * SECOND);
    assert.match(texts(world).join(), /waiting to restart: the servers, who give turns to restart, do not answer/);
    assert.equal(world.machine.everStarted.length, 2);
  });

  test("one turn for all tasks of an allocation", async () => {
    const world = createWorld();
    world.key("a", "1");
    await world.begin();
    const task = { RestartPolicy: QUICK, Templates: [aTemplate()] };
    put(world, {}, [task, { ...task, Name: "side" }]);
    await world.clock.advance(SECOND);
    world.key("a", "2");
    await world.clock.advance(10 * SECOND);
    assert.deepEqual([world.machine.everStarted.length, world.server.turns.size], [4, 1]);
    await world.clock.advance(20 * SECOND);
    assert.equal(world.server.turns.size, 0);
  });

  test("an agent killed while it holds one, or waits for one, goes on with it and gives it back", async () => {
    for (const held of [true, false]) {
      const world = createWorld();
      world.key("a", "1");
      const agent = await world.begin();
      put(world);
      await world.clock.advance(SECOND);
      if (!held) world.server.noTurns = "others";
      world.key("a", "2");
      await world.clock.advance(5 * SECOND);
      agent.kill();
      await world.clock.advance(30 * SECOND);
      world.server.noTurns = "";
      assert.equal(world.server.turns.size, held ? 1 : 0);
      await world.begin();
      await world.clock.advance(60 * SECOND);
      assert.deepEqual([world.machine.everStarted.length, world.server.turns.size, world.memory.facts.has(`turn/${A}`)], [2, 0, false]);
    }
  });

  test("the end of the allocation gives it back; so does the next agent, when the servers were away", async () => {
    const world = createWorld();
    world.key("a", "1");
    const agent = await world.begin();
    put(world);
    await world.clock.advance(SECOND);
    world.key("a", "2");
    await world.clock.advance(3 * SECOND);
    assert.equal(world.server.turns.size, 1);
    put(world, { DesiredStatus: "stop" });
    await world.clock.advance(3 * SECOND);
    assert.equal(world.server.turns.size, 0);
    agent.kill();
  });
});

describe("a task's Vault token", () => {
  const HOME = `/alloc/${A}/main`;

  test("lies in its file and its variables; renewed it stays, replaced it restarts the task in its turn", async () => {
    const world = createWorld(1, { tokenLifeMs: 600 * SECOND });
    await world.begin();
    put(world, {}, [{ RestartPolicy: QUICK, ...vaultTask() }]);
    await world.clock.advance(SECOND);
    const first = [...world.vaultExchange.tokens.keys()][0] as string;
    const start = () => [...world.machine.processes.values()].at(-1)?.start.environment;
    assert.deepEqual([world.machine.written.get(`${HOME}/secrets/vault_token`), start()?.["VAULT_TOKEN"]], [first, first]);
    assert.equal(world.machine.owners.get(`${HOME}/secrets/vault_token`), "666 ");
    world.vaultExchange.forget(first);
    await world.clock.advance(40 * SECOND);
    const second = [...world.vaultExchange.tokens.keys()][0] as string;
    assert.notEqual(second, first);
    assert.deepEqual([world.machine.written.get(`${HOME}/secrets/vault_token`), start()?.["VAULT_TOKEN"]], [second, second]);
    assert.equal(world.machine.everStarted.length, 2);
    await world.clock.advance(30 * SECOND);
    assert.equal(world.server.turns.size, 0);
    put(world, { DesiredStatus: "stop" }, [{ ...vaultTask() }]);
    await world.clock.advance(60 * SECOND);
    assert.deepEqual([world.vaultExchange.tokens.size, [...world.memory.facts.keys()].filter((name) => /vault|told/.test(name))], [0, []]);
  });

  for (const [ChangeMode, signals] of [
    ["noop", []],
    ["signal", ["SIGHUP"]],
  ] as const) {
    test(`replaced, change_mode ${ChangeMode}; also by an agent that was killed before it could tell`, async () => {
      const world = createWorld();
      const agent = await world.begin();
      put(world, {}, [{ RestartPolicy: QUICK, ...vaultTask({ ChangeMode, DisableFile: true }) }]);
      await world.clock.advance(SECOND);
      assert.equal(world.machine.written.has(`${HOME}/secrets/vault_token`), false);
      world.vaultExchange.forget();
      await world.clock.advance(40 * SECOND);
      const process = [...world.machine.processes.values()][0];
      assert.deepEqual([process?.signals, world.machine.everStarted.length], [signals, 1]);
      agent.kill();
      await world.begin();
      await world.clock.advance(60 * SECOND);
      assert.deepEqual([process?.signals, world.machine.everStarted.length], [signals, 1]);
    });
  }

  test("waits for a Vault that cannot be reached, and says so; a refusal names what mends it", async () => {
    const world = createWorld();
    world.vaultExchange.reachable = false;
    await world.begin();
    put(world, {}, [{ RestartPolicy: { ...QUICK, Attempts: 0, Mode: "fail" }, ...vaultTask() }]);
    await world.clock.advance(60 * SECOND);
    assert.match(JSON.stringify(world.told(A)), /waiting for Vault, to get the task's token/);
    world.vaultExchange.reachable = true;
    world.vaultExchange.refusal = "role is not known";
    await world.clock.advance(60 * SECOND);
    assert.match(JSON.stringify(world.told(A)), /role is not known/);
    assert.equal(world.told(A)?.ClientStatus, "failed");
  });
});
