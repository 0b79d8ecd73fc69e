import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Template } from "#model";
import { allocationId, anAllocation, NANOSECONDS, SECOND, type AllocationShape } from "../stage.ts";
import { aTemplate, createWorld, credentialsThing, keyThing, QUICK, type World } from "./parts.ts";

const A = allocationId("a");
const HOME = `/alloc/${A}/main`;

function put(
  world: World,
  templates: readonly Partial<Template>[],
  task: NonNullable<AllocationShape["tasks"]>[number] = {},
  shape: AllocationShape = {},
): void {
  const Templates = templates.map((each, at) => aTemplate({ DestPath: `local/${at}`, ...each }));
  world.server.put(anAllocation("a", { tasks: [{ RestartPolicy: QUICK, Templates, ...task }], ...shape }));
}
function file(world: World, name = "local/0"): string | undefined {
  return world.machine.written.get(`${HOME}/${name}`);
}
function newest(world: World) {
  const process = [...world.machine.processes.values()].at(-1);
  assert.ok(process !== undefined);
  return process;
}
function templateEvents(world: World): readonly string[] {
  return (world.told(A)?.TaskStates["main"]?.Events ?? [])
    .filter(({ Type }) => Type === "Template")
    .map(({ DisplayMessage }) => DisplayMessage);
}

describe("a task's templates", () => {
  test("are in their place, with their mode and owner, before it begins; without them nothing is looked at", async () => {
    const world = createWorld();
    world.key("a", "one");
    await world.begin();
    put(world, [
      { EmbeddedTmpl: "is <key a>", Perms: "0640", Uid: 1000, Gid: 1001 },
      { DestPath: "${NOMAD_SECRETS_DIR}/x" },
      { DestPath: "${NOMAD_ALLOC_DIR}/y" },
    ]);
    world.server.put(anAllocation("b"));
    await world.clock.advance(SECOND);
    assert.deepEqual([file(world), world.machine.owners.get(`${HOME}/local/0`)], ["is one", "640 1000:1001"]);
    assert.deepEqual([file(world, "secrets/x"), world.machine.written.get(`/alloc/${A}/alloc/y`)], ["one", "one"]);
    assert.equal(world.told(A)?.ClientStatus, "running");
    assert.deepEqual(new Set(world.consul.log().map(({ key }) => key)).size, 1, "one watch for a thing");
  });

  for (const [mode, starts, signals] of [
    ["noop", 1, []],
    ["signal", 1, ["SIGHUP"]],
    ["restart", 2, []],
  ] as const) {
    test(`change_mode ${mode}: a change rewrites the file and acts once; an equal write does nothing`, async () => {
      const world = createWorld();
      world.key("a", "one");
      await world.begin();
      put(world, [{ ChangeMode: mode }]);
      await world.clock.advance(SECOND);
      world.key("a", "two");
      await world.clock.advance(5 * SECOND);
      assert.equal(file(world), "two");
      assert.deepEqual([world.machine.everStarted.length, newest(world).signals], [starts, signals]);
      world.key("a", "two");
      await world.clock.advance(60 * SECOND);
      assert.deepEqual([world.machine.everStarted.length, newest(world).signals], [starts, signals]);
      assert.equal(world.server.turns.size, 0);
    });
  }

  test("several that change at once make one restart; signals are sent once each, unless there is a restart", async () => {
    const world = createWorld();
    world.key("a", "1");
    world.key("b", "1");
    await world.begin();
    const hup = { ChangeMode: "signal", EmbeddedTmpl: "<key a>" };
    put(world, [hup, hup, { ...hup, ChangeSignal: "SIGUSR1" }, { EmbeddedTmpl: "<key b>" }, { EmbeddedTmpl: "<key b>" }]);
    await world.clock.advance(SECOND);
    world.key("a", "2");
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([newest(world).signals, world.machine.everStarted.length], [["SIGHUP", "SIGUSR1"], 1]);
    world.key("a", "3");
    world.key("b", "2");
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([newest(world).signals, world.machine.everStarted.length], [[], 2]);
    assert.deepEqual(
      ["0", "1", "2", "3", "4"].map((name) => file(world, `local/${name}`)),
      ["3", "3", "3", "2", "2"],
    );
  });

  test("who is signalled finds the other files made of the same key as new, though another thing of theirs changed a moment later", async () => {
    const Wait = { Min: NANOSECONDS / 4, Max: 60 * NANOSECONDS };
    const world = createWorld();
    world.key("a", "1");
    world.key("b", "1");
    await world.begin();
    put(world, [
      { ChangeMode: "signal", EmbeddedTmpl: "<key a>", Wait },
      { ChangeMode: "noop", EmbeddedTmpl: "<key a> <key b>", Wait },
    ]);
    await world.clock.advance(SECOND);
    let found: string | undefined;
    world.key("a", "2");
    for (let waitedMs = 0; waitedMs < 1_000; waitedMs += 50) {
      await world.clock.advance(50);
      if (waitedMs % 200 === 100) world.key("b", `later ${waitedMs}`);
      if (newest(world).signals.length > 0) found ??= file(world, "local/1");
    }
    assert.deepEqual([newest(world).signals, found?.split(" ")[0]], [["SIGHUP"], "2"]);
    await world.clock.advance(5 * SECOND);
    assert.equal(file(world, "local/1"), "2 later 900");
  });

  test("splay waits a part of its time before acting, and what is as it was by then is not told", async () => {
    const world = createWorld(3);
    world.key("a", "one");
    await world.begin();
    put(world, [{ ChangeMode: "signal", Splay: 3600 * NANOSECONDS }]);
    await world.clock.advance(SECOND);
    world.key("a", "two");
    await world.clock.advance(SECOND);
    assert.deepEqual([file(world), newest(world).signals], ["two", []]);
    world.key("a", "one");
    await world.clock.advance(2 * 3600 * SECOND);
    assert.deepEqual([file(world), newest(world).signals], ["one", []]);
    world.key("a", "three");
    await world.clock.advance(3600 * SECOND);
    assert.deepEqual([file(world), newest(world).signals], ["three", ["SIGHUP"]]);
  });

  test("wait: min after the last change, max after the first", async () => {
    const world = createWorld();
    world.key("a", "0");
    await world.begin();
    put(world, [{ ChangeMode: "signal", Wait: { Min: 4 * NANOSECONDS, Max: 10 * NANOSECONDS } }]);
    await world.clock.advance(SECOND);
    world.key("a", "1");
    await world.clock.advance(3 * SECOND);
    world.key("a", "2");
    await world.clock.advance(3 * SECOND);
    assert.equal(file(world), "0");
    await world.clock.advance(1.5 * SECOND);
    assert.deepEqual([file(world), newest(world).signals], ["2", ["SIGHUP"]]);
    for (let at = 3; at < 9; at++) {
      world.key("a", String(at));
      await world.clock.advance(2 * SECOND);
    }
    assert.equal(file(world), "7", "ten seconds after the first");
  });

  test("what is gone while the task runs is said, once, and the file stays; what comes back is said too, and nothing is done", async () => {
    const world = createWorld();
    world.key("a", "one");
    const agent = await world.begin();
    put(world, [{}]);
    await world.clock.advance(SECOND);
    world.key("a", undefined);
    await world.clock.advance(60 * SECOND);
    assert.deepEqual([file(world), templateEvents(world)], ["one", ["Missing: kv.block(a)"]]);
    world.key("a", "one");
    await world.clock.advance(60 * SECOND);
    assert.deepEqual(templateEvents(world), ["Missing: kv.block(a)", "Template rendered again"]);
    agent.kill();
    await world.begin();
    await world.clock.advance(60 * SECOND);
    assert.deepEqual([templateEvents(world).length, world.machine.everStarted.length], [2, 1], "an agent that finds it has nothing to say");
  });

  test("once: never looked at again, though its task starts anew; render_templates does", async () => {
    for (const RenderTemplates of [false, true]) {
      const world = createWorld();
      world.key("a", "one");
      await world.begin();
      put(world, [{ Once: true }], { RestartPolicy: { ...QUICK, RenderTemplates } });
      await world.clock.advance(SECOND);
      world.key("a", "two");
      await world.clock.advance(60 * SECOND);
      assert.deepEqual([file(world), world.machine.everStarted.length], ["one", 1]);
      world.machine.end(`${A}.main.0`, 1);
      await world.clock.advance(5 * SECOND);
      assert.deepEqual([file(world), world.machine.everStarted.length], [RenderTemplates ? "two" : "one", 2]);
    }
  });

  test("env: a file of variables becomes the task's environment, above its own env, also in its config; a change restarts it", async () => {
    const world = createWorld();
    world.key("a", "one");
    await world.begin();
    put(world, [{ EmbeddedTmpl: "export WHO=<key a> # comment\nTOO='a b'\n", Envvars: true, DestPath: "secrets/env" }], {
      Env: { WHO: "mine", OTHER: "x" },
    });
    await world.clock.advance(SECOND);
    const { WHO, TOO, OTHER } = newest(world).start.environment;
    assert.deepEqual([WHO, TOO, OTHER], ["one", "a b", "x"]);
    world.key("a", "two");
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([newest(world).start.environment["WHO"], world.machine.everStarted.length], ["two", 2]);
    world.key("a", "'never closed");
    await world.clock.advance(5 * SECOND);
    assert.equal(world.machine.everStarted.length, 2);
    assert.equal(file(world, "secrets/env"), "export WHO=two # comment\nTOO='a b'\n", "the last good one stays");
    assert.match(templateEvents(world).at(-1) ?? "", /line 1: a ' is not closed/);
    assert.ok(!JSON.stringify(world.server.updates).includes("never closed"), "no value is told");
  });

  test("what is missing is waited for and said once for each change, with the reader's reason", async () => {
    const world = createWorld();
    await world.begin();
    put(world, [{ EmbeddedTmpl: "<key a> <key b>" }]);
    await world.clock.advance(30 * SECOND);
    assert.deepEqual(templateEvents(world), ["Missing: kv.block(a), kv.block(b)"]);
    world.key("a", "1");
    await world.clock.advance(10 * SECOND);
    world.consul.allowed = () => false;
    await world.clock.advance(400 * SECOND);
    assert.deepEqual(templateEvents(world).slice(0, 2), ["Missing: kv.block(a), kv.block(b)", "Missing: kv.block(b)"]);
    assert.match(templateEvents(world).at(-1) ?? "", /waiting for b: .*permission denied/);
    assert.ok(templateEvents(world).length < 6);
    assert.equal(world.told(A)?.ClientStatus, "pending");
    world.consul.allowed = () => true;
    world.key("b", "2");
    await world.clock.advance(400 * SECOND);
    assert.deepEqual([file(world), world.told(A)?.ClientStatus], ["1 2", "running"]);
  });

  test("one that fails on data waits for better data; later it keeps the last render; one that never can fails its task", async () => {
    const world = createWorld();
    world.key("a", "x");
    await world.begin();
    put(world, [{ EmbeddedTmpl: "<number a>" }]);
    await world.clock.advance(5 * SECOND);
    assert.deepEqual(templateEvents(world), ["Template failed: it cannot be: line 1 (Mend it.)"]);
    world.key("a", "1");
    await world.clock.advance(5 * SECOND);
    assert.equal(file(world), "1");
    world.key("a", "x");
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([file(world), world.machine.everStarted.length, templateEvents(world).length], ["1", 1, 2]);
    world.key("a", "2");
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([file(world), world.machine.everStarted.length], ["2", 2]);
    world.key("a", "x");
    await world.clock.advance(5 * SECOND);
    assert.match(templateEvents(world).at(-1) ?? "", /^Template failed/);
    world.key("a", "2");
    await world.clock.advance(5 * SECOND);
    assert.equal(templateEvents(world).at(-1), "Template rendered again", "who reads the last event reads how it is");
    assert.equal(world.machine.everStarted.length, 2);
    const other = createWorld();
    await other.begin();
    put(other, [{ EmbeddedTmpl: "<broken>" }]);
    await other.clock.advance(5 * SECOND);
    assert.equal(other.told(A)?.ClientStatus, "failed");
    assert.match(JSON.stringify(other.told(A)), /Template failed: it cannot be: line 1 \(Mend it\.\)/);
  });

  for (const [DestPath, SourcePath] of [
    ["../../b/x", ""],
    ["local/../../x", ""],
    ["private/x", ""],
    ["local/x", "../../../etc/passwd"],
    ["local/x", "/etc/passwd"],
  ] as const) {
    test(`a place outside is refused: ${DestPath} ${SourcePath}`, async () => {
      const world = createWorld();
      await world.begin();
      put(world, [{ DestPath, SourcePath, EmbeddedTmpl: SourcePath === "" ? "x" : "" }]);
      await world.clock.advance(5 * SECOND);
      assert.equal(world.told(A)?.ClientStatus, "failed");
      assert.match(JSON.stringify(world.told(A)), /escapes the task's directory/);
    });
  }

  test("a source file is read from the task's directory", async () => {
    const world = createWorld();
    world.key("a", "one");
    world.machine.written.set(`${HOME}/local/in.tpl`, "from file: <key a>");
    await world.begin();
    put(world, [{ SourcePath: "${NOMAD_TASK_DIR}/in.tpl", EmbeddedTmpl: "" }]);
    await world.clock.advance(SECOND);
    assert.equal(file(world), "from file: one");
  });

  test("a lost Consul keeps the last render and the task, and is found again", async () => {
    const world = createWorld();
    world.key("a", "one");
    await world.begin();
    put(world, [{}]);
    await world.clock.advance(SECOND);
    world.consul.reachable = false;
    await world.clock.advance(3600 * SECOND);
    assert.deepEqual([file(world), world.machine.everStarted.length], ["one", 1]);
    world.machine.end(`${A}.main.0`, 1);
    await world.clock.advance(10 * SECOND);
    assert.deepEqual([file(world), world.machine.everStarted.length], ["one", 2], "a crash needs no Consul");
    world.key("a", "two");
    world.consul.reachable = true;
    await world.clock.advance(120 * SECOND);
    assert.deepEqual([file(world), world.machine.everStarted.length], ["two", 3]);
  });

  test("credentials live through crashes of their task, one lease, and are given back at its end", async () => {
    const world = createWorld();
    world.vault.lend(credentialsThing("db"), { lifeMs: 60 * SECOND, maxMs: 36_000 * SECOND });
    await world.begin();
    put(world, [{ EmbeddedTmpl: "<creds db>" }]);
    await world.clock.advance(SECOND);
    for (let crash = 0; crash < 5; crash++) {
      world.machine.end(`${A}.main.${crash}`, 1);
      await world.clock.advance(30 * SECOND);
    }
    assert.deepEqual([file(world), world.vault.leases.size, world.vault.counts.made], ["user-1", 1, 1]);
    put(world, [{ EmbeddedTmpl: "<creds db>" }], {}, { DesiredStatus: "stop" });
    await world.clock.advance(60 * SECOND);
    assert.deepEqual(
      [world.vault.leases.size, [...world.memory.facts.keys()].filter((name) => /told|turn|thing|lease/.test(name))],
      [0, []],
    );
  });

  test("no value of a secret stands in an event, a log line or what the agent remembers", async () => {
    const world = createWorld();
    world.key("a", "hunter2hunter2");
    await world.begin();
    put(world, [{ EmbeddedTmpl: "<key a>" }, { EmbeddedTmpl: "A=<key a>", Envvars: true }]);
    await world.clock.advance(SECOND);
    world.key("a", "hunter3hunter3");
    await world.clock.advance(60 * SECOND);
    const seen = JSON.stringify([world.server.updates, world.reports, [...world.memory.facts], [...world.memory.allocations]]);
    assert.ok(!/hunter/.test(seen));
    assert.equal(world.machine.everStarted.length, 2);
  });
});

describe("change_script", () => {
  const ChangeScript = { Command: "/bin/reload", Args: ["-x"], Timeout: 5 * NANOSECONDS, FailOnError: false, RunOnFirstRender: false };

  test("runs in the task; its failure is told, and with fail_on_error ends the task as failed", async () => {
    for (const FailOnError of [false, true]) {
      const world = createWorld();
      world.key("a", "one");
      await world.begin();
      // The mock's session says what its words are; "exit" and a code end it.
      put(world, [{ ChangeMode: "script", ChangeScript: { ...ChangeScript, Command: "/bin/sh", Args: ["-c", "exit 3"], FailOnError } }], {
        RestartPolicy: QUICK,
      });
      await world.clock.advance(SECOND);
      assert.equal(world.machine.execs.length, 0);
      world.key("a", "two");
      await world.clock.advance(20 * SECOND);
      assert.deepEqual(
        world.machine.execs.map(({ command }) => command),
        [["/bin/sh", "-c", "exit 3"]],
      );
      assert.equal(world.told(A)?.ClientStatus, FailOnError ? "failed" : "running", JSON.stringify(world.events(A)));
      assert.match(JSON.stringify(world.told(A)), /Template failed to run script \/bin\/sh/);
    }
  });

  test("run_on_first_render: once, when it runs", async () => {
    const world = createWorld();
    world.key("a", "one");
    await world.begin();
    put(world, [{ ChangeMode: "script", ChangeScript: { ...ChangeScript, RunOnFirstRender: true } }]);
    await world.clock.advance(10 * SECOND);
    assert.equal(world.machine.execs.length, 1);
    world.machine.end(`${A}.main.0`, 1);
    await world.clock.advance(20 * SECOND);
    assert.deepEqual([world.machine.execs.length, world.machine.everStarted.length], [1, 2]);
  });
});

test("a template of nothing but text is written, and nobody is asked", async () => {
  const world = createWorld();
  await world.begin();
  put(world, [{ EmbeddedTmpl: "plain" }]);
  await world.clock.advance(SECOND);
  assert.deepEqual([file(world), world.consul.counts.reads, world.told(A)?.ClientStatus], ["plain", 0, "running"]);
  void keyThing;
});
