import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Secret } from "#model";
import { secretThing, secretValues } from "../../../../src/client/templates/secret-things.ts";
import { allocationId, anAllocation, SECOND } from "../stage.ts";
import { aTemplate, createWorld, QUICK, type World } from "./parts.ts";

const A = allocationId("a");
const app: Secret = { Name: "app", Provider: "vault", Path: "secret/app", Config: {}, Env: {} };

function put(world: World, task: object): void {
  world.server.put(anAllocation("a", { tasks: [{ RestartPolicy: QUICK, ...task }] }));
}
function newest(world: World) {
  return [...world.machine.processes.values()].at(-1)?.start;
}

describe("secret blocks", () => {
  test("are read before the task begins; their values stand in env and config, and nowhere else", async () => {
    const world = createWorld();
    const agent = await world.begin();
    put(world, {
      Secrets: [app],
      Env: { PASSWORD: "${secret.app.password}", PORT: "${secret.app.port}", OTHER: "${secret.app.none}" },
      Config: { run_for: -1, start_error: "" },
    });
    await world.clock.advance(10 * SECOND);
    assert.equal(world.told(A)?.ClientStatus, "pending");
    assert.match(JSON.stringify(world.told(A)), /Missing: vault\.read\(secret\/data\/app\)/);
    world.vault.set(secretThing(app), { Data: { data: { password: "hunter2hunter2", port: { "#number": "5432" } }, metadata: {} } });
    await world.clock.advance(5 * SECOND);
    const { PASSWORD, PORT, OTHER } = newest(world)?.environment ?? {};
    assert.deepEqual([PASSWORD, PORT, OTHER], ["hunter2hunter2", "5432", "${secret.app.none}"]);
    assert.match(
      JSON.stringify(world.told(A)),
      /Secret keys missing: \$\{secret\.app\.none\} stays as it is written: there is no such key"/,
    );
    agent.kill();
    await world.begin();
    await world.clock.advance(30 * SECOND);
    assert.equal(world.machine.everStarted.length, 1);
    const seen = JSON.stringify([world.server.updates, world.reports, [...world.memory.facts], [...world.memory.allocations]]);
    assert.ok(!seen.includes("hunter2"));
  });

  test("engines and namespaces", () => {
    assert.deepEqual(secretThing({ ...app, Config: { engine: "kv_v1", namespace: "team" } }), {
      system: "vault",
      kind: "secret",
      name: "secret/app",
      options: { ns: "team" },
    });
    assert.equal(secretThing({ ...app, Path: "secret/data/app" }).name, "secret/data/app");
    assert.deepEqual(secretThing({ ...app, Provider: "nomad", Path: "/nomad/jobs/x" }), {
      system: "nomad",
      kind: "variable",
      name: "nomad/jobs/x",
      options: {},
    });
    assert.throws(() => secretThing({ ...app, Config: { engine: "kv3" } }), { code: "SECRET_INVALID" });
    assert.throws(() => secretThing({ ...app, Provider: "aws" }), { code: "SECRET_INVALID" });
    assert.deepEqual(
      secretValues({ ...app, Config: { engine: "kv_v1" } }, { Data: { a: true, b: ["x"] } }),
      new Map([
        ["a", "true"],
        ["b", '["x"]'],
      ]),
    );
    assert.equal(secretValues(app, { Data: {} }), undefined);
  });
});

describe("sealed variables", () => {
  test("are opened for env, config and templates, whatever stands in them, and nowhere else", async () => {
    const world = createWorld();
    Object.assign(world.server.unsealed, { "sealed.v1.abc=": 'hunter"{{2}}', "sealed.v1.def": "hunter3hunter3" });
    const agent = await world.begin();
    put(world, {
      Env: { ONE: "x-${sealed.v1.abc=}", TWO: "${sealed.v1.def}" },
      Templates: [aTemplate({ EmbeddedTmpl: "a=${sealed.v1.abc=} b=${sealed.v1.def} c=${HOME}", ChangeMode: "restart" })],
    });
    await world.clock.advance(5 * SECOND);
    assert.deepEqual([newest(world)?.environment["ONE"], newest(world)?.environment["TWO"]], ['x-hunter"{{2}}', "hunter3hunter3"]);
    const file = world.machine.written.get(`/alloc/${A}/main/local/out`);
    assert.equal(file, 'a=hunter"{{2}} b=hunter3hunter3 c=${HOME}');
    assert.ok(
      world.renders.every(({ text }) => !text.includes("{{2}}")),
      "never a part of the template",
    );
    agent.kill();
    await world.begin();
    await world.clock.advance(30 * SECOND);
    assert.equal(world.machine.everStarted.length, 1);
    const seen = JSON.stringify([world.server.updates, world.reports, [...world.memory.facts], [...world.memory.allocations]]);
    assert.ok(!seen.includes("hunter"));
  });

  test("while no server opens them, the task says what it waits for", async () => {
    const world = createWorld();
    world.server.unsealed["sealed.v1.abc="] = "hunter2hunter2";
    const opened = Promise.withResolvers<void>();
    world.server.unsealHeld = opened.promise;
    await world.begin();
    put(world, { Env: { ONE: "${sealed.v1.abc=}" } });
    await world.clock.advance(10 * SECOND);
    assert.equal(world.told(A)?.ClientStatus, "pending");
    const said = (world.told(A)?.TaskStates["main"]?.Events ?? []).filter(({ Type }) => Type === "Template");
    assert.deepEqual(
      said.map(({ DisplayMessage }) => DisplayMessage),
      [
        "Missing: the values of its sensitive variables (waiting for the values of its sensitive variables: the servers, who alone can open them, do not answer)",
      ],
    );
    assert.equal(said[0]?.Details["missing"], "the values of its sensitive variables");
    opened.resolve();
    await world.clock.advance(5 * SECOND);
    assert.equal(world.told(A)?.ClientStatus, "running");
  });
});
