/** The store in a whole server: writes, conflicts, locks and their time, full rotation, what a node may read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryKeyEncryption } from "#integrations/memory";
import type { AllocationId, NodeId, RootKey } from "#model";
import { NamedError } from "#std";
import { eventually } from "../../../eventually.ts";
import { jobOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { inside } from "../inside.ts";

const KEYS = { keyring: { algorithm: "EdDSA" } } as const;
const isCode = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;
const NO_LOCK = { ID: "", TTL: "", LockDelay: "" };
const request = (Path: string, Items: Record<string, string> = {}, Lock: Partial<typeof NO_LOCK> = {}) => ({
  Namespace: "default",
  Path,
  Items,
  Lock: { ...NO_LOCK, ...Lock },
});
const sealedAt = (world: World, path: string) => world.cluster.state.snapshot().variable("default", path);
const keysOf = (world: World): readonly RootKey[] => [...world.cluster.state.snapshot().rootKeys()];
const itemsAt = async (world: World, path: string) => {
  const sealed = sealedAt(world, path);
  return sealed === undefined ? undefined : (await world.server.variables.open(sealed)).Items;
};

function withVariables(play: (world: World) => Promise<void>, onChange?: (change: unknown) => void): Promise<void> {
  const server = { keyEncryption: memoryKeyEncryption(), ...KEYS };
  return inside({ server, ...(onChange === undefined ? {} : { onChange }) }, async (world) => {
    await eventually("a key is active", () => world.cluster.state.snapshot().activeRootKey());
    await play(world);
  });
}

test("a variable is stored sealed, replaced only as it was believed to be, and deleted", () => {
  const seen: string[] = [];
  return withVariables(
    async (world) => {
      const { variables } = world.server;
      const first = await variables.put(null, request("app/db", { password: "hunter2" }), 0);
      assert.ok(first.ok);
      assert.deepEqual(first.Variable.Items, { password: "hunter2" });
      assert.equal(first.Variable.CreateIndex, first.Variable.ModifyIndex);

      const again = await variables.put(null, request("app/db", { password: "other" }), 0);
      assert.ok(!again.ok);
      assert.deepEqual([again.Conflict.ModifyIndex, again.Conflict.Items], [first.Index, { password: "hunter2" }]);
      const missing = await variables.put(null, request("app/none", { a: "b" }), 7);
      assert.ok(!missing.ok);
      assert.deepEqual([missing.Conflict.ModifyIndex, missing.Conflict.Items], [0, null]);

      const second = await variables.put(null, request("app/db", { password: "hunter3" }), first.Index);
      assert.ok(second.ok);
      assert.deepEqual([second.Variable.CreateIndex, second.Variable.CreateTime], [first.Variable.CreateIndex, first.Variable.CreateTime]);
      assert.ok(!(await variables.delete(null, request("app/db"), { checkIndex: first.Index, lockId: "" })).ok);
      assert.ok((await variables.delete(null, request("app/db"), { checkIndex: second.Index, lockId: "" })).ok);
      assert.ok((await variables.delete(null, request("app/db"), { checkIndex: null, lockId: "" })).ok);
      assert.equal(sealedAt(world, "app/db"), undefined);
      for (const change of seen)
        assert.ok(!change.includes("hunter"), "no change of the state, and so no event or entry of the log, has a value");
    },
    (change) => void seen.push(JSON.stringify(change)),
  );
});

test("what cannot be stored is refused with what is wrong, and never a value", () =>
  withVariables(async (world) => {
    const { variables } = world.server;
    const put = (path: string, items: Record<string, string>, namespace = "default") =>
      variables.put(null, { ...request(path, items), Namespace: namespace }, null);
    for (const path of [
      "",
      "a b",
      "a.b",
      "ä",
      "a//b",
      "x".repeat(129),
      "nomad",
      "nomad/other",
      "nomad/job-templates",
      "nomad/job-templates/a/b",
    ])
      await assert.rejects(put(path, { a: "b" }), isCode("VARIABLE_PATH_INVALID"), path);
    for (const path of ["nomad/jobs", "nomad/jobs/web/group/task", "nomad/job-templates/web", "x".repeat(128), "a-_~/B9"])
      assert.ok((await put(path, { a: "b" })).ok, path);
    await assert.rejects(put("app", {}), /no items/);
    await assert.rejects(put("app", { "": "x" }), /no name/);
    await assert.rejects(
      put("app", { a: "s3cret".repeat(11_000) }),
      (error: Error) => /64 KiB/.test(error.message) && !error.message.includes("s3cret"),
    );
    assert.ok((await put("app", { a: "x".repeat(64 * 1024 - 1) })).ok);
    await assert.rejects(put("app", { a: "b" }, "nowhere"), /no namespace "nowhere"/);
    await assert.rejects(put("app", { a: "b" }, "*"), /wanted one namespace/);
  }));

test("a namespace that holds variables stays", () =>
  withVariables(async (world) => {
    await world.server.upsertNamespace({ Name: "prod" });
    await world.server.variables.put(null, { ...request("app", { a: "b" }), Namespace: "prod" }, null);
    await assert.rejects(world.server.deleteNamespace("prod"), /it holds variables, "app" for one/);
    await world.server.variables.delete(null, { Namespace: "prod", Path: "app" }, { checkIndex: null, lockId: "" });
    await world.server.deleteNamespace("prod");
  }));

test("a lock keeps others out until it is released; its holder writes with its id", () =>
  withVariables(async (world) => {
    const { variables } = world.server;
    const taken = await variables.acquire(null, request("locks/one"));
    assert.ok(taken.ok);
    const ID = taken.Variable.Lock?.ID ?? "";
    assert.deepEqual([taken.Variable.Lock?.TTL, taken.Variable.Lock?.LockDelay, taken.Variable.Items], ["15s", "15s", {}]);
    assert.match(ID, /^[0-9a-f-]{36}$/);

    for (const refused of [
      await variables.acquire(null, request("locks/one")),
      await variables.put(null, request("locks/one", { a: "b" }), null),
      await variables.renew(null, request("locks/one", {}, { ID: "another" })),
      await variables.release(null, request("locks/one", {}, { ID: "another" })),
      await variables.delete(null, request("locks/one"), { checkIndex: null, lockId: "" }),
    ]) {
      assert.ok(!refused.ok);
      assert.equal(refused.Conflict.Lock?.ID, "", "whose it is, nobody else learns");
    }
    const written = await variables.put(null, request("locks/one", { a: "b" }, { ID }), null);
    assert.ok(written.ok && written.Variable.Lock?.ID === ID);
    await assert.rejects(variables.put(null, request("locks/one", { a: "b" }, { ID, TTL: "20s" }), null), /wanted the same or none/);
    const same = await variables.acquire(null, request("locks/one", {}, { ID }));
    assert.ok(same.ok && same.Variable.Lock?.ID === ID, "asked twice, answered twice");
    const released = await variables.release(null, request("locks/one", {}, { ID }));
    assert.ok(released.ok && released.Variable.Lock === undefined);
    assert.ok((await variables.acquire(null, request("locks/one"))).ok, "at once: nothing was lost");
    assert.deepEqual(await itemsAt(world, "locks/one"), { a: "b" });

    await assert.rejects(variables.renew(null, request("locks/none", {}, { ID })), isCode("VARIABLE_NOT_FOUND"));
    await assert.rejects(variables.renew(null, request("locks/one")), /no ID/);
    for (const TTL of ["9s", "25h", "soon"])
      await assert.rejects(variables.acquire(null, request("locks/two", {}, { TTL })), /from 10s to 24h/);
    await assert.rejects(variables.acquire(null, request("locks/two", {}, { LockDelay: "-1s" })), /of 0s or more/);
  }));

test("a lock's delay may be as short or as long as its users like; zero stands for the default", () =>
  withVariables(async ({ server: { variables } }) => {
    for (const [LockDelay, kept] of [
      ["1s", "1s"],
      ["48h", "48h0m0s"],
      ["0s", "15s"],
    ] as const) {
      const taken = await variables.acquire(null, request(`locks/${kept}`, {}, { TTL: "0s", LockDelay }));
      assert.ok(taken.ok);
      assert.deepEqual([taken.Variable.Lock?.TTL, taken.Variable.Lock?.LockDelay], ["15s", kept]);
    }
  }));

test("a lock that is not renewed is lost after its TTL, and nobody gets it before its delay is over", () =>
  withVariables(async (world) => {
    const { variables } = world.server;
    const taken = await variables.acquire(null, request("locks/one", {}, { TTL: "10s", LockDelay: "30s" }));
    assert.ok(taken.ok);
    const ID = taken.Variable.Lock?.ID ?? "";
    for (let times = 0; times < 3; times++) {
      await world.clock.advance(9_000);
      assert.ok((await variables.renew(null, request("locks/one", {}, { ID }))).ok);
    }
    await world.clock.advance(10_500);
    assert.equal(sealedAt(world, "locks/one")?.Lock, null);
    assert.ok(!(await variables.renew(null, request("locks/one", {}, { ID }))).ok);
    assert.ok(!(await variables.put(null, request("locks/one", { a: "b" }, { ID }), null)).ok, "who lost it does not write by it");
    assert.ok((await variables.put(null, request("locks/one", { a: "b" }), null)).ok, "others write, without it");
    assert.ok(!(await variables.acquire(null, request("locks/one"))).ok);
    await world.clock.advance(29_000);
    assert.ok(!(await variables.acquire(null, request("locks/one"))).ok);
    await world.clock.advance(1_500);
    assert.ok((await variables.acquire(null, request("locks/one"))).ok);
  }));

test("a server that was restarted gives each lock its whole time anew, and then takes it", () =>
  withVariables(async (world) => {
    const taken = await world.server.variables.acquire(null, request("locks/one", {}, { TTL: "10s" }));
    assert.ok(taken.ok);
    const ID = taken.Variable.Lock?.ID ?? "";
    await world.clock.advance(8_000);
    await world.restartServer();
    await world.clock.advance(8_000);
    assert.ok((await world.server.variables.renew(null, request("locks/one", {}, { ID }))).ok);
    await world.restartServer();
    await world.clock.advance(10_500);
    assert.equal(sealedAt(world, "locks/one")?.Lock, null);
  }));

test("a full rotation seals every variable anew and wakes nobody; killed in the middle it goes on", async () => {
  let reseals = 0;
  let killAt = Infinity;
  const killed = Promise.withResolvers<void>();
  await withVariables(
    async (world) => {
      const { variables } = world.server;
      for (let at = 0; at < 300; at++) assert.ok((await variables.put(null, request(`app/${at}`, { value: `v${at}` }), null)).ok);
      const first = world.cluster.state.snapshot().activeRootKey() as RootKey;
      const before = world.cluster.state.snapshot();
      const index = before.tableIndex("variables");
      await assert.rejects(world.server.deleteRootKey(first.KeyID, true), /active|are sealed with it/);
      killAt = 1;
      await world.server.rotateRootKey({ full: true, publishAtNs: null });
      assert.equal(keysOf(world).find(({ KeyID }) => KeyID === first.KeyID)?.State, "rekeying");
      await killed.promise;
      await world.restartServer();
      await eventually("all is sealed anew", () => keysOf(world).find(({ KeyID }) => KeyID === first.KeyID)?.State === "inactive");
      assert.ok(reseals >= 3, `${reseals} batches`);
      const after = world.cluster.state.snapshot();
      assert.deepEqual([...after.variablesSealedWith(first.KeyID)], []);
      assert.equal(after.tableIndex("variables"), index);
      for (let at = 0; at < 300; at++) {
        const [was, is] = [before.variable("default", `app/${at}`), after.variable("default", `app/${at}`)];
        assert.deepEqual({ ...is, KeyID: "", Data: "" }, { ...was, KeyID: "", Data: "" });
        assert.deepEqual(await itemsAt(world, `app/${at}`), { value: `v${at}` });
      }
      await world.server.deleteRootKey(first.KeyID, true);
    },
    (change) => {
      const { command } = change as { readonly command: { readonly type: string } };
      if (command.type === "variables-reseal" && ++reseals === killAt) killed.resolve();
    },
  );
});

test("a key that seals a variable is not removed, by force or by age", () =>
  withVariables(async (world) => {
    const first = world.cluster.state.snapshot().activeRootKey() as RootKey;
    await world.server.variables.put(null, request("app", { a: "b" }), null);
    await world.server.rotateRootKey({ full: false, publishAtNs: null });
    assert.equal(keysOf(world).find(({ KeyID }) => KeyID === first.KeyID)?.State, "inactive");
    await assert.rejects(world.server.deleteRootKey(first.KeyID, true), isCode("ROOT_KEY_IN_USE"));
    for (let hours = 0; hours < 4; hours++) await world.clock.advance(3_600_000);
    assert.equal(keysOf(world).length, 2);
    assert.deepEqual(await itemsAt(world, "app"), { a: "b" });
    await world.server.variables.put(null, request("app", { a: "c" }), null);
    await eventually("the old key goes when it seals nothing", async () => {
      await world.clock.advance(600_000);
      return keysOf(world).length === 1;
    });
  }));

test("a task reads through its node what its identity may, waits for news of it, and nothing else wakes it", () =>
  withVariables(async (world) => {
    const { variables } = world.server;
    const node = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    const allocation = [...world.cluster.state.snapshot().allocationsByJob("default", "web")][0];
    assert.ok(allocation !== undefined && node.allocations.size === 1);
    const group = allocation.Job.TaskGroups[0];
    const task = group?.Tasks[0]?.Name ?? "";
    const ask = (
      Path: string,
      more: { AfterIndex?: number; List?: boolean; Namespace?: string; Task?: string } = {},
      nodeId: NodeId = allocation.NodeID,
    ) =>
      variables.readVariable(nodeId, { AllocationID: allocation.ID, Task: task, Namespace: "", Path, List: false, AfterIndex: 0, ...more });

    const none = await ask("nomad/jobs/web");
    assert.equal(none.Variable, null);
    const put = await variables.put(null, request("nomad/jobs/web", { key: "one" }), null);
    assert.ok(put.ok);
    const found = await ask("nomad/jobs/web");
    assert.deepEqual([found.Index, found.Variable?.Items], [put.Index, { key: "one" }]);

    let answered = 0;
    const waits = ask("nomad/jobs/web", { AfterIndex: found.Index }).finally(() => answered++);
    const gone = ask(`nomad/jobs/web/${group?.Name}`, { AfterIndex: found.Index + 1_000 })
      .finally(() => answered++)
      .catch(() => undefined);
    const listed = ask("nomad/jobs", { AfterIndex: found.Index, List: true }).finally(() => answered++);
    await variables.put(null, request("app/else", { a: "b" }), null);
    await new Promise(setImmediate);
    assert.equal(answered, 0);
    await variables.put(null, request("nomad/jobs/web", { key: "two" }), null);
    assert.deepEqual((await waits).Variable?.Items, { key: "two" });
    await variables.put(null, request("nomad/jobs/other", { key: "foreign" }), null);
    assert.deepEqual(
      (await listed).List.map(({ Path }) => Path),
      ["nomad/jobs/web"],
    );
    await world.clock.advance(20_500);
    await gone;
    assert.equal(answered, 3);

    await assert.rejects(
      ask("nomad/jobs/other"),
      (error: unknown) => isCode("VARIABLE_DENIED")(error) && !String(error).includes("foreign"),
    );
    await assert.rejects(ask("nomad/jobs/web", { Namespace: "prod" }), isCode("VARIABLE_DENIED"));
    await assert.rejects(ask("nomad/jobs/web", { Task: "another" }), isCode("VARIABLE_DENIED"));
    await assert.rejects(ask("nomad/jobs/web", {}, "another-node" as NodeId), isCode("VARIABLE_DENIED"));
    await assert.rejects(ask("not a path"), isCode("VARIABLE_PATH_INVALID"));
    await assert.rejects(
      variables.readVariable(allocation.NodeID, {
        AllocationID: "none" as AllocationId,
        Task: task,
        Namespace: "",
        Path: "app",
        List: false,
        AfterIndex: 0,
      }),
      isCode("VARIABLE_DENIED"),
    );
  }));
