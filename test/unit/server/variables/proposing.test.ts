/** Between sealing and writing: the key that is rotated meanwhile, the lock that is lost meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cluster } from "#cluster";
import type { SealedVariable } from "#model";
import type { Command, Outcome } from "#state";
import type { ServerContext } from "../../../../src/server/context.ts";
import { createVariables, type VariableParts } from "../../../../src/server/variables/variables.ts";

const REQUEST = { Namespace: "default", Path: "app", Items: { a: "b" }, Lock: { ID: "", TTL: "", LockDelay: "" } };
const STALE: Outcome = { ok: false, code: "invalid", reason: "the root key it is sealed with is not active any more" } as Outcome;

/** `outcomes`: of the proposals, in order; the last one again and again. `rotates`: each look at the active key finds another. */
function stage(how: {
  readonly outcomes: readonly Outcome[];
  readonly rotates: boolean;
  readonly stored?: Partial<SealedVariable>;
  readonly renews?: boolean;
}) {
  const proposed: Command[] = [];
  let keys = 1;
  const stored = { Namespace: "default", Path: "app", ModifyIndex: 5, Lock: null, ...how.stored } as SealedVariable;
  const cluster = {
    state: { snapshot: () => ({ activeRootKey: () => ({ KeyID: `k${keys}` }), variable: () => stored, tableIndex: () => 5 }) },
    propose: async (command: Command) => {
      proposed.push(command);
      if (how.rotates) keys++;
      return how.outcomes[Math.min(proposed.length, how.outcomes.length) - 1] as Outcome;
    },
  } as unknown as Cluster;
  const parts = {
    sealer: { active: async () => ({ id: `k${keys}`, key: new Uint8Array(32) }), open: async () => ({ a: "b" }) },
    locks: { renew: () => how.renews === true },
    reader: { read: async () => undefined },
  } as unknown as VariableParts;
  const random = { uuid: () => "lock-new" };
  return { variables: createVariables({ cluster, random } as unknown as ServerContext, parts), proposed };
}
const keysOf = (proposed: readonly Command[]) => proposed.map((command) => (command as { Variable: { KeyID: string } }).Variable.KeyID);

test("what was sealed with a key that is rotated meanwhile is sealed again with the new one, a few times", async () => {
  const once = stage({ outcomes: [STALE, { ok: true, index: 9 } as Outcome], rotates: true });
  const written = await once.variables.put(null, REQUEST, null);
  assert.ok(written.ok && written.Index === 9 && written.Variable.ModifyIndex === 9);
  assert.deepEqual(keysOf(once.proposed), ["k1", "k2"]);
  const always = stage({ outcomes: [STALE], rotates: true });
  await assert.rejects(always.variables.put(null, REQUEST, null), /not active any more/);
  assert.equal(always.proposed.length, 5);
  const other = stage({ outcomes: [{ ...STALE, reason: "there is no namespace" } as Outcome], rotates: false });
  await assert.rejects(other.variables.put(null, REQUEST, null), /no namespace/);
  assert.equal(other.proposed.length, 1, "refused for another reason: asking again changes nothing");
});

test("asking for a lock one holds already answers it, unless it is lost: then it is another's to get", async () => {
  const Lock = { ID: "mine", TTL: 15e9, LockDelay: 15e9 };
  const again = { ...REQUEST, Items: {}, Lock: { ...REQUEST.Lock, ID: "mine" } };
  const held = stage({ outcomes: [], rotates: false, stored: { Lock }, renews: true });
  const found = await held.variables.acquire(null, again);
  assert.ok(found.ok && found.Variable.Lock?.ID === "mine");
  assert.equal(held.proposed.length, 0);
  const lost = stage({ outcomes: [{ ok: false, code: "conflict", reason: "locked" } as Outcome], rotates: false, stored: { Lock } });
  assert.equal((await lost.variables.acquire(null, again)).ok, false);
  assert.equal((await lost.variables.renew(null, again)).ok, false);
});
