import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createMemoryTokenExchange } from "#integrations/memory";
import type { TaskSockets } from "#ports";
import { interpolate } from "#task";
import { identityFile, identityVariable } from "../../../../src/client/execution/identity-file.ts";
import { createSeededRandom } from "../../../simulation/random.ts";
import { allocationId, anAllocation, createStage, NANOSECONDS, SECOND, type AllocationShape, type Stage } from "../stage.ts";
import { anIdentity } from "./nouns.ts";

const HOME = `/alloc/${allocationId("a")}/main`;

function place(stage: Stage, shape: AllocationShape = {}): void {
  stage.server.put(anAllocation("a", shape));
}

/** Of the newest process: what it was started with. */
function environmentOf(stage: Stage): Readonly<Record<string, string>> {
  return [...stage.machine.processes.values()].at(-1)?.start.environment ?? {};
}

function secretsIn(stage: Stage): readonly string[] {
  return [
    ...JSON.stringify([stage.server.updates, stage.reports, [...stage.memory.allocations.values()].map((row) => row.progress)]).matchAll(
      /jwt of[^"\\]*/g,
    ),
  ].map(([text]) => text);
}

describe("a task's identities", () => {
  test("without an identity that is looked at nobody is asked, and nothing is written", async () => {
    const stage = createStage();
    await stage.agent();
    place(stage);
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(
      [stage.server.signed, [...stage.machine.written.keys()], stage.told(allocationId("a"))?.ClientStatus],
      [[], [], "running"],
    );
    assert.equal("NOMAD_TOKEN" in environmentOf(stage), false);
  });

  test("lie in files for the task's user alone, and in variables, before it begins", async () => {
    const stage = createStage();
    await stage.agent();
    place(stage, {
      tasks: [
        {
          User: "web",
          Env: { NOMAD_TOKEN: "mine", WHERE: "local/x" },
          Identity: anIdentity({ Env: true, File: true }),
          Identities: [
            anIdentity({ Name: "aws-east", File: true, Env: true }),
            anIdentity({ Name: "gcp", File: true, Filepath: "${WHERE}/gcp.jwt" }),
            anIdentity({ Name: "silent" }),
          ],
        },
      ],
    });
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.server.signed.length, 1, "one call");
    const { NOMAD_TOKEN, NOMAD_TOKEN_aws_east, NOMAD_TOKEN_gcp } = environmentOf(stage);
    assert.deepEqual([NOMAD_TOKEN, NOMAD_TOKEN_aws_east, NOMAD_TOKEN_gcp], ["jwt of main default 1", "jwt of main aws-east 1", undefined]);
    assert.deepEqual(
      [...stage.machine.written].map(([path, text]) => [path, text, stage.machine.owners.get(path)]),
      [
        [`${HOME}/secrets/nomad_token`, "jwt of main default 1", "600 web"],
        [`${HOME}/secrets/nomad_aws-east.jwt`, "jwt of main aws-east 1", "600 web"],
        [`${HOME}/local/x/gcp.jwt`, "jwt of main gcp 1", "600 web"],
      ],
    );
    assert.deepEqual(secretsIn(stage), []);
  });

  for (const [mode, expected] of [
    ["noop", { starts: 1, signals: [] as string[] }],
    ["signal", { starts: 1, signals: ["SIGUSR1"] }],
    ["restart", { starts: 2, signals: ["SIGINT"] }],
  ] as const) {
    test(`a renewed one replaces the file; change_mode ${mode}`, async () => {
      const stage = createStage();
      await stage.agent();
      const identity = anIdentity({ Env: true, File: true, TTL: 100 * NANOSECONDS, ChangeMode: mode, ChangeSignal: "SIGUSR1" });
      place(stage, { tasks: [{ Identity: identity }] });
      await stage.clock.advance(60 * SECOND);
      const first = [...stage.machine.processes.values()][0] ?? undefined;
      assert.equal(stage.machine.written.get(`${HOME}/secrets/nomad_token`), "jwt of main default 2");
      assert.deepEqual(stage.machine.everStarted.length, expected.starts);
      if (mode === "signal") {
        assert.deepEqual(first?.signals, expected.signals);
        assert.ok(stage.events(allocationId("a")).includes("Signaling"));
      }
      if (mode === "restart") {
        const events = stage.told(allocationId("a"))?.TaskStates["main"]?.Events ?? [];
        assert.ok(
          events.some(
            (event) => event.Type === "Restart Signaled" && event.DisplayMessage === "Identity[default]: new Identity token acquired",
          ),
        );
        assert.equal(environmentOf(stage)["NOMAD_TOKEN"], "jwt of main default 2");
        assert.equal(stage.told(allocationId("a"))?.TaskStates["main"]?.Restarts, 1);
      }
      assert.deepEqual(secretsIn(stage), []);
    });
  }

  test("an agent that restarts asks anew and writes the files, and the task hears nothing of it (F58)", async () => {
    const stage = createStage();
    const first = await stage.agent();
    place(stage, { tasks: [{ Identity: anIdentity({ Env: true, File: true, TTL: 1000 * NANOSECONDS, ChangeMode: "restart" }) }] });
    await stage.clock.advance(5 * SECOND);
    first.kill();
    const second = await stage.agent();
    await stage.clock.advance(20 * SECOND);
    assert.equal(stage.machine.written.get(`${HOME}/secrets/nomad_token`), "jwt of main default 2");
    assert.equal(stage.machine.everStarted.length, 1);
    assert.deepEqual([...stage.machine.processes.values()][0]?.signals, []);
    // A command in it finds the same variables, and a token that is good now.
    const exec = second.client.services.exec(
      { AllocationId: allocationId("a"), Task: "main", Command: ["env"], Tty: false },
      (async function* () {})(),
      new AbortController().signal,
    );
    await exec[Symbol.asyncIterator]().next();
    assert.deepEqual(stage.machine.execs[0]?.environment, { ...environmentOf(stage), NOMAD_TOKEN: "jwt of main default 2" });
    // From then on renewals count again.
    await stage.clock.advance(600 * SECOND);
    assert.equal(stage.machine.everStarted.length, 2);
  });

  test("with the servers away new tasks wait, and one that is stopped meanwhile ends without having begun", async () => {
    const stage = createStage();
    await stage.agent();
    const held = Promise.withResolvers<void>();
    stage.server.identitiesHeld = held.promise;
    const [starts, stops] = ["a", "b"].map((letter) => anAllocation(letter, { tasks: [{ Identity: anIdentity({ File: true }) }] }));
    stage.server.put(starts!, stops!);
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual(stage.machine.everStarted, []);
    stage.server.put({ ...stops!, DesiredStatus: "stop" });
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.told(allocationId("b"))?.ClientStatus, "complete");
    held.resolve();
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(stage.machine.everStarted, [`${allocationId("a")}.main.0`]);
  });

  test("a connection that breaks in the middle of signing is no failure", async () => {
    const stage = createStage();
    await stage.agent();
    const held = Promise.withResolvers<void>();
    stage.server.identitiesHeld = held.promise;
    place(stage, { tasks: [{ Identity: anIdentity({ File: true }) }] });
    await stage.clock.advance(SECOND);
    stage.server.refuse = true;
    stage.server.lose();
    held.resolve();
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual(stage.machine.everStarted, []);
    stage.server.refuse = false;
    await stage.clock.advance(60 * SECOND);
    assert.equal(stage.told(allocationId("a"))?.ClientStatus, "running");
  });

  test("refused for good it is said, and the allocation fails", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.refuseIdentities = "no signing key";
    place(stage, { tasks: [{ Identity: anIdentity({ File: true }) }] });
    await stage.clock.advance(60 * SECOND);
    const state = stage.told(allocationId("a"))?.TaskStates["main"];
    assert.equal(stage.told(allocationId("a"))?.ClientStatus, "failed");
    assert.ok(state?.Events.some((event) => event.Type === "Setup Failure" && event.DisplayMessage.includes("no signing key")));
  });

  test("no secret is written once the task is dead, however late a renewal comes (F43)", async () => {
    const stage = createStage();
    await stage.agent();
    place(stage, { type: "batch", tasks: [{ Config: { run_for: 50_000 }, Identity: anIdentity({ File: true, TTL: 20 * NANOSECONDS }) }] });
    await stage.clock.advance(300 * SECOND);
    assert.equal(stage.told(allocationId("a"))?.ClientStatus, "complete");
    assert.deepEqual(stage.machine.strays, []);
    const { length } = stage.server.signed;
    await stage.clock.advance(300 * SECOND);
    assert.equal(stage.server.signed.length, length, "nothing is renewed for the dead");
  });
});

describe("where an identity lies", () => {
  const visible = { local: "/local", secrets: "/secrets" };
  const names = new Map([
    ["NOMAD_SECRETS_DIR", "/secrets"],
    ["NOMAD_TASK_DIR", "/local"],
    ["NOMAD_ALLOC_DIR", "/alloc"],
    ["UP", "../.."],
  ]);
  const at = (Filepath: string, Name = "x") => identityFile({ Name, Filepath }, names, visible);

  test("by its name, or where filepath says", () => {
    assert.deepEqual(
      [
        at(""),
        at("", ""),
        at("", "default"),
        at("local/a/b"),
        at("${NOMAD_SECRETS_DIR}/j"),
        at("${NOMAD_TASK_DIR}/j"),
        at("/local/./j"),
        at("x.jwt"),
      ],
      ["secrets/nomad_x.jwt", "secrets/nomad_token", "secrets/nomad_token", "local/a/b", "secrets/j", "local/j", "local/j", "x.jwt"],
    );
    assert.deepEqual([identityVariable({ Name: "" }), identityVariable({ Name: "a-b" })], ["NOMAD_TOKEN", "NOMAD_TOKEN_a_b"]);
    assert.equal(interpolate("${UP}", names), "../..");
  });

  test("never outside the task's own directory, nor among what is the agent's (F59)", () => {
    for (const bad of [
      "../x",
      "local/../../x",
      "${UP}/x",
      "/../x",
      "private/x",
      "local/../private/x",
      "${NOMAD_ALLOC_DIR}/x",
      "alloc/x",
      ".",
      "/",
      "secrets",
      "local/",
      "local/x/",
    ])
      assert.throws(() => at(bad), { code: "FILE_OUTSIDE" }, bad);
  });
});

describe("a task's Consul token", () => {
  const shape: AllocationShape = { tasks: [{ Identities: [anIdentity({ Name: "consul_default" })] }] };

  function consulStage(lifeMs: number | null = null) {
    const stage = createStage();
    const exchange = createMemoryTokenExchange({ clock: stage.clock, random: createSeededRandom(3), lifeMs });
    return { stage, exchange, agent: () => stage.agent({ tokenExchange: exchange }) };
  }

  test("lies in a file and in variables, is kept over restarts of the agent, and given back when the allocation is over (F30)", async () => {
    const { stage, exchange, agent } = consulStage();
    const first = await agent();
    place(stage, shape);
    await stage.clock.advance(5 * SECOND);
    const [secret] = exchange.tokens.keys();
    const { CONSUL_TOKEN, CONSUL_HTTP_TOKEN } = environmentOf(stage);
    assert.deepEqual(
      [CONSUL_TOKEN, CONSUL_HTTP_TOKEN, stage.machine.written.get(`${HOME}/secrets/consul_token`)],
      [secret, secret, secret],
    );
    assert.equal(stage.machine.owners.get(`${HOME}/secrets/consul_token`), "600 ");
    first.kill();
    await agent();
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual([exchange.minted, stage.machine.everStarted.length], [1, 1]);
    stage.server.put({ ...(stage.server.allocations.get(allocationId("a")) as ReturnType<typeof anAllocation>), DesiredStatus: "stop" });
    await stage.clock.advance(30 * SECOND);
    assert.equal(stage.told(allocationId("a"))?.ClientStatus, "complete");
    assert.deepEqual([[...exchange.tokens], [...stage.memory.facts.keys()].filter((name) => name.includes("token"))], [[], []]);
    assert.ok(!JSON.stringify([stage.server.updates, stage.reports]).includes(secret as string));
  });

  test("a new one replaces the file under the running task", async () => {
    const { stage, exchange, agent } = consulStage(90 * SECOND);
    await agent();
    place(stage, shape);
    await stage.clock.advance(70 * SECOND);
    assert.deepEqual([exchange.minted, stage.machine.everStarted.length], [2, 1]);
    assert.equal(stage.machine.written.get(`${HOME}/secrets/consul_token`), [...exchange.tokens.keys()].at(-1));
  });

  test("with Consul away the task waits and says so; a stop is not held up", async () => {
    const { stage, exchange, agent } = consulStage();
    exchange.reachable = false;
    await agent();
    place(stage, shape);
    await stage.clock.advance(120 * SECOND);
    assert.deepEqual(stage.machine.everStarted, []);
    assert.equal(stage.events(allocationId("a")).filter((type) => type === "Task hook failed").length, 1);
    exchange.reachable = true;
    await stage.clock.advance(15 * SECOND);
    assert.equal(stage.machine.everStarted.length, 1);
    exchange.reachable = false;
    stage.server.put({ ...(stage.server.allocations.get(allocationId("a")) as ReturnType<typeof anAllocation>), DesiredStatus: "stop" });
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.told(allocationId("a"))?.ClientStatus, "complete");
  });

  test("with Consul wiped and not prepared the task waits for an operator, and says what he has to do; no attempt is spent on it", async () => {
    const { stage, exchange, agent } = consulStage();
    exchange.lacks = "auth method not found";
    await agent();
    place(stage, {
      ...shape,
      group: { RestartPolicy: { Attempts: 0, Interval: 1e9, Delay: 1e9, Mode: "fail", RenderTemplates: false } as never },
    });
    await stage.clock.advance(3_605 * SECOND);
    assert.deepEqual(stage.machine.everStarted, []);
    assert.ok(JSON.stringify(stage.told(allocationId("a"))?.TaskStates).includes("auth method not found (Prepare it.)"));
    exchange.lacks = undefined;
    await stage.clock.advance(10 * SECOND);
    assert.equal(stage.machine.everStarted.length, 1);
    assert.equal(stage.told(allocationId("a"))?.TaskStates?.["t"]?.Restarts ?? 0, 0);
  });

  test("refused it fails as the restart policy says, and the words name why", async () => {
    const { stage, exchange, agent } = consulStage();
    exchange.refusal = "no binding rule fits";
    await agent();
    place(stage, {
      ...shape,
      group: { RestartPolicy: { Attempts: 0, Interval: 1e9, Delay: 1e9, Mode: "fail", RenderTemplates: false } as never },
    });
    await stage.clock.advance(30 * SECOND);
    assert.equal(stage.told(allocationId("a"))?.ClientStatus, "failed");
    assert.ok(JSON.stringify(stage.told(allocationId("a"))?.TaskStates).includes("no binding rule fits"));
  });
});

describe("a task's socket to the agent's API", () => {
  function socketStage() {
    const stage = createStage();
    const open = new Set<string>();
    const opened: string[] = [];
    let fails = false;
    const taskSockets: TaskSockets = {
      open: async (path) => {
        if (fails) throw new Error("no room for a socket");
        opened.push(path);
        open.add(path);
        return { close: async () => void open.delete(path) };
      },
    };
    return { stage, open, opened, agent: () => stage.agent({ taskSockets }), fail: () => (fails = true) };
  }
  const path = `${HOME}/secrets/api.sock`;

  test("is open while it runs, again under the next agent, and gone when it has ended", async () => {
    const { stage, open, opened, agent } = socketStage();
    const first = await agent();
    place(stage);
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual([...open], [path]);
    assert.equal(environmentOf(stage)["NOMAD_UNIX_ADDR"], `unix://${HOME}/secrets/api.sock`);
    first.kill();
    open.clear();
    await agent();
    await stage.clock.advance(20 * SECOND);
    assert.deepEqual([opened, [...open]], [[path, path], [path]]);
    stage.machine.end([...stage.machine.processes.keys()][0] as string, 1);
    await stage.clock.advance(SECOND);
    assert.deepEqual([...open], [], "not while it waits for its next attempt");
    await stage.clock.advance(30 * SECOND);
    assert.deepEqual([...open], [path]);
  });

  test("an agent that stops closes it", async () => {
    const { stage, open, agent } = socketStage();
    const { client } = await agent();
    place(stage);
    await stage.clock.advance(5 * SECOND);
    const closing = client.close({ stopTasks: false });
    await stage.clock.advance(5 * SECOND);
    await closing;
    assert.deepEqual([...open], []);
  });

  test("one that cannot be opened is said; the task runs without it", async () => {
    const { stage, agent, fail } = socketStage();
    fail();
    await agent();
    place(stage);
    await stage.clock.advance(5 * SECOND);
    assert.equal(stage.told(allocationId("a"))?.ClientStatus, "running");
    assert.ok(stage.events(allocationId("a")).includes("Task hook failed"));
  });
});
