import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { Namespace } from "#model";
import { createState, restoreState, type Change } from "#state";
import { Packr } from "msgpackr/pack";
import { DEFAULT, Hand, rootKey } from "./nouns.ts";

const options = { clock: createVirtualClock(), freeze: true };
const variable = (Path: string, Data = "sealed", KeyID = "key-1") => ({ Namespace: DEFAULT as Namespace, Path, KeyID, Data });
const LOCK = { ID: "lock-1", TTL: 15e9, LockDelay: 15e9 };

function begun() {
  const hand = new Hand();
  hand.write({ type: "root-keys-upsert", Keys: [rootKey("key-1", "active")] });
  return hand;
}
async function* chunksOf(chunks: readonly Uint8Array[]) {
  yield* chunks;
}

test("variables are listed by namespace and path, from a place on", () => {
  const hand = begun();
  for (const path of ["b", "a", "a/b", "ab"]) hand.write({ type: "variable-put", Variable: variable(path), CheckIndex: 0, LockID: "" });
  const snapshot = hand.state.snapshot();
  const paths = (...of: Parameters<typeof snapshot.variables>) => [...snapshot.variables(...of)].map(({ Path }) => Path);
  assert.deepEqual(paths("*"), ["a", "a/b", "ab", "b"]);
  assert.deepEqual(paths("default", "a"), ["a", "a/b", "ab"]);
  assert.deepEqual(paths("default", "a", { Namespace: "default", Path: "a/b" }), ["a/b", "ab"]);
  assert.deepEqual(paths("*", "", { Namespace: "default", Path: "ab" }), ["ab", "b"]);
  assert.deepEqual(paths("other"), []);
});

test("only the active root key seals; what it seals keeps it, and sealing anew moves no index and tells nobody", () => {
  const hand = begun();
  hand.write({ type: "variable-put", Variable: variable("a"), CheckIndex: null, LockID: "" });
  hand.write({ type: "root-keys-upsert", Keys: [rootKey("key-1", "rekeying"), rootKey("key-2", "active")] });
  const index = hand.state.snapshot().variable("default", "a")?.ModifyIndex as number;
  assert.equal(hand.write({ type: "variable-put", Variable: variable("a"), CheckIndex: null, LockID: "" }).ok, false);
  assert.equal(hand.write({ type: "root-key-delete", KeyID: "key-1" }).ok, false);
  const changes: Change[] = [];
  hand.state.watch.subscribe((change) => void changes.push(change));
  const anew = { Namespace: DEFAULT as Namespace, Path: "a", FromKeyID: "key-1", Data: "sealed anew" };
  hand.write({ type: "variables-reseal", KeyID: "key-2", Variables: [{ ...anew, ModifyIndex: index - 1 }] });
  assert.equal(hand.state.snapshot().variable("default", "a")?.KeyID, "key-1", "it is not as it was read");
  hand.write({ type: "variables-reseal", KeyID: "key-2", Variables: [{ ...anew, ModifyIndex: index }] });
  const sealed = hand.state.snapshot().variable("default", "a");
  assert.deepEqual([sealed?.KeyID, sealed?.Data, sealed?.ModifyIndex], ["key-2", "sealed anew", index]);
  assert.deepEqual(
    changes.flatMap(({ variables, goneVariables }) => [...variables, ...goneVariables]),
    [],
  );
  assert.equal(hand.state.snapshot().tableIndex("variables"), index);
  assert.equal(hand.write({ type: "root-key-delete", KeyID: "key-1" }).ok, true);
});

test("variables and their locks are in a snapshot; one of before there were any is read", async () => {
  const hand = begun();
  const chunks = [];
  for await (const chunk of hand.state.save()) chunks.push(chunk);
  const packr = new Packr({ useRecords: true, moreTypes: false });
  const head = packr.unpack(chunks[0] as Buffer) as unknown[];
  const { variables: _variables, ...indexes } = head[4] as Record<string, number>;
  const old = [Uint8Array.from(packr.pack([head[0], 3, head[2], head[3], indexes, ...head.slice(5)])), ...chunks.slice(1)];
  const before = await restoreState(chunksOf(old), options);
  assert.deepEqual([...before.snapshot().variables("*")], []);
  assert.equal(before.digest(), hand.state.digest());

  hand.write({ type: "variable-lock", Variable: variable("a"), Overwrite: false, Lock: LOCK });
  hand.write({ type: "variable-put", Variable: variable("b"), CheckIndex: 0, LockID: "" });
  const after = await restoreState(hand.state.save(), options);
  assert.equal(after.digest(), hand.state.digest());
  assert.deepEqual(after.snapshot().variable("default", "a")?.Lock, LOCK);
  assert.deepEqual(
    [...after.snapshot().variablesSealedWith("key-1")].map(({ Path }) => Path),
    ["a", "b"],
  );
  assert.notEqual(createState(options).digest(), after.digest());
});
