import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Secret } from "#model";
import { concealer, concealIn } from "../../../../src/client/execution/conceal.ts";
import { secretThing } from "../../../../src/client/templates/secret-things.ts";
import { allocationId, anAllocation, SECOND } from "../stage.ts";
import { createWorld, QUICK } from "../templates/parts.ts";

describe("what is told of a task holds no value of its secrets", () => {
  const known = {
    names: new Map([
      ["sealed.k.a", 'quote"d'],
      ["secret.app.x", "quote"],
      ["HOME", "/home"],
    ]),
    added: { TOKEN: "long-enough", FLAG: "true" },
  };

  test("as they are and as they are quoted, the longest first; the rest stays", () => {
    const conceal = concealer(known);
    assert.equal(
      conceal('a quote"d, "quote\\"d", quote, /home, long-enough, true'),
      'a ${sealed.k.a}, "${sealed.k.a}", ${secret.app.x}, /home, ${TOKEN}, true',
    );
    const told = { type: "quote", event: { Type: "quote", Details: { a: ["quote", 5, null] } } };
    assert.deepEqual(concealIn(told, known), { type: "quote", event: { Type: "quote", Details: { a: ["${secret.app.x}", 5, null] } } });
    assert.equal(concealIn(told, { names: new Map(), added: {} }), told);
  });

  test("a driver that quotes what it cannot start tells nobody", async () => {
    const world = createWorld();
    const app: Secret = { Name: "app", Provider: "vault", Path: "secret/app", Config: {}, Env: {} };
    world.vault.set(secretThing(app), { Data: { data: { password: "hunter2hunter2" }, metadata: {} } });
    await world.begin();
    const Config = { start_error: 'exec: "${secret.app.password}": not found' };
    world.server.put(anAllocation("a", { tasks: [{ RestartPolicy: QUICK, Secrets: [app], Config }] }));
    await world.clock.advance(20 * SECOND);
    const told = JSON.stringify(world.told(allocationId("a")));
    assert.match(told, /exec: \\"\$\{secret\.app\.password\}\\": not found/);
    const seen = JSON.stringify([world.server.updates, world.reports, [...world.memory.facts], [...world.memory.allocations]]);
    assert.ok(!seen.includes("hunter2"));
  });
});
