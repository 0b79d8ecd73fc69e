import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { hostClientStore, hostSealingKey } from "#integrations/host";
import { SealedFacts } from "../../../src/client/sealed-facts.ts";
import { anAllocation } from "./stage.ts";
import { createWorld, QUICK, vaultTask } from "./templates/parts.ts";
import { memoryStore } from "./tokens/memory-store.ts";

function inDirectory(story: (directory: string) => void): () => void {
  return () => {
    const directory = mkdtempSync(join(tmpdir(), "drover-sealed-"));
    try {
      story(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
}

const SECRET = { password: "correct-horse-battery" };

describe("facts that hold secrets", () => {
  test(
    "come back whole after a restart, and stand in no file of the node's memory",
    inDirectory((directory) => {
      const store = hostClientStore(directory);
      const facts = new SealedFacts({ store, key: hostSealingKey(directory) });
      facts.saveFact("lease/one", SECRET);
      facts.saveFact("lease/two", { n: 2 });
      // While the log of the memory still stands beside it.
      const files = readdirSync(directory);
      assert.ok(
        files.some((name) => name.endsWith("-wal")),
        files.join(),
      );
      for (const name of files) assert.ok(!readFileSync(join(directory, name)).includes(SECRET.password), name);
      store.close();
      const again = hostClientStore(directory);
      const later = new SealedFacts({ store: again, key: hostSealingKey(directory) });
      assert.deepEqual(
        [...later.facts("lease/")],
        [
          ["lease/one", SECRET],
          ["lease/two", { n: 2 }],
        ],
      );
      assert.deepEqual(later.fact("lease/one"), SECRET);
      later.removeFact("lease/one");
      assert.equal(later.fact("lease/one"), undefined);
      for (const name of readdirSync(directory)) assert.ok(!readFileSync(join(directory, name)).includes(SECRET.password), name);
      again.close();
    }),
  );

  test(
    "the key is the agent's alone, the same every time, and made anew when it is damaged",
    inDirectory((directory) => {
      const key = hostSealingKey(directory);
      const path = join(directory, "sealing-key");
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.deepEqual(hostSealingKey(directory), key);
      writeFileSync(path, "half a k");
      const other = hostSealingKey(directory);
      assert.notDeepEqual(other, key);
      assert.equal(other.length, 32);
      assert.ok(readdirSync(directory).includes("sealing-key.unreadable"));
      assert.throws(() => hostSealingKey("/dev/null/nowhere"), { code: "SEALING_KEY_UNUSABLE" });
    }),
  );

  test("one written plain by an earlier version is read, and sealed in the same moment", () => {
    const memory = new Map<string, string>();
    const store = memoryStore(memory);
    store.saveFact("consul-token/one", SECRET);
    const facts = new SealedFacts({ store, key: new Uint8Array(32) });
    assert.deepEqual(facts.facts("consul-token/").get("consul-token/one"), SECRET);
    assert.ok(!(memory.get("consul-token/one") as string).includes(SECRET.password));
    assert.deepEqual(facts.facts("consul-token/").get("consul-token/one"), SECRET);
  });

  test("with another key, or under another name, there is nothing to be had: it is forgotten, and said", () => {
    const memory = new Map<string, string>();
    const lost: number[] = [];
    const facts = (fill: number) =>
      new SealedFacts({ store: memoryStore(memory), key: new Uint8Array(32).fill(fill), lost: (count) => lost.push(count) });
    facts(1).saveFact("a", SECRET);
    memory.set("b", memory.get("a") as string);
    assert.deepEqual([facts(1).fact("b"), memory.has("b"), lost], [undefined, false, [1]]);
    assert.deepEqual([facts(2).facts("").size, memory.size, lost], [0, 0, [1, 1]]);
  });

  test("the same secret never looks the same twice", () => {
    const memory = new Map<string, string>();
    const facts = new SealedFacts({ store: memoryStore(memory), key: new Uint8Array(32) });
    facts.saveFact("a", SECRET);
    const first = memory.get("a");
    facts.saveFact("a", SECRET);
    assert.notEqual(memory.get("a"), first);
  });

  test("a node whose key was lost says so, gets its tasks other tokens, and lets them run", async () => {
    const world = createWorld();
    const agent = await world.begin();
    world.server.put(anAllocation("a", { tasks: [{ ...vaultTask({ ChangeMode: "noop" }), RestartPolicy: QUICK }] }));
    await world.clock.advance(5_000);
    agent.kill();
    for (const [name, value] of world.memory.facts) world.memory.facts.set(name, value.replace('"sealed":"A', '"sealed":"AAAA'));
    await world.begin();
    await world.clock.advance(30_000);
    assert.match(world.reports.join("\n"), /sealing key is another one/);
    assert.deepEqual([world.machine.everStarted.length, world.vaultExchange.minted], [1, 2]);
  });
});
