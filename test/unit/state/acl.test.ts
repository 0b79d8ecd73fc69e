import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import { type Command, commandVersion, createState, restoreState, type State } from "#state";
import { aclPolicy, aclRole, aclToken, authMethod, bindingRule } from "./random-acl.ts";

const clock = createVirtualClock();

function written(...commands: readonly Command[]): State {
  const state = createState({ clock, freeze: true });
  commands.forEach((command, at) => {
    const outcome = state.apply(at + 2, { version: commandVersion(command.type) ?? 0, time: at + 1, requestId: `r${at}`, command });
    assert.ok(outcome.ok, JSON.stringify(outcome));
  });
  return state;
}

const ALL: readonly Command[] = [
  { type: "acl-policies-upsert", Policies: [aclPolicy("read"), aclPolicy("write")] },
  { type: "acl-roles-upsert", Roles: [aclRole("id-1", { Name: "team", Policies: [{ Name: "read" }] })] },
  { type: "acl-bootstrap", Token: aclToken("first", { Type: "management" }), ResetIndex: null },
  { type: "acl-tokens-upsert", Tokens: [aclToken("second", { Policies: ["read"] })] },
  { type: "acl-auth-methods-upsert", Methods: [authMethod("sso", { Default: true })] },
  { type: "acl-binding-rules-upsert", Rules: [bindingRule("rule", "sso")] },
  {
    type: "one-time-token-put",
    Token: { OneTimeSecretID: "once", AccessorID: "second", ExpiresAt: "2026-01-01T00:10:00Z", CreateIndex: 0, ModifyIndex: 0 },
  },
];

test("What is found by other than its key is found after a snapshot, too", async () => {
  const before = written(...ALL);
  const after = await restoreState(before.save(), { clock });
  assert.equal(after.digest(), before.digest());
  for (const snapshot of [before.snapshot(), after.snapshot()]) {
    assert.equal(snapshot.aclRoleByName("team")?.ID, "id-1");
    assert.equal(snapshot.aclTokenBySecret("secret-of-second")?.AccessorID, "second");
    assert.equal(snapshot.aclTokenBySecret("secret-of-secon"), undefined);
    assert.equal(snapshot.aclTokenBySecret(""), undefined);
    assert.deepEqual(
      [...snapshot.bindingRulesByMethod("sso")].map(({ ID }) => ID),
      ["rule"],
    );
    assert.equal(snapshot.oneTimeToken("once")?.AccessorID, "second");
    assert.equal(snapshot.aclBootstrapIndex(), 4);
    assert.equal(snapshot.tableIndex("acl-policies"), 2);
  }
});

const REFUSED: readonly (readonly [command: Command, code: string])[] = [
  [{ type: "acl-bootstrap", Token: aclToken("third"), ResetIndex: null }, "conflict"],
  [{ type: "acl-bootstrap", Token: aclToken("third"), ResetIndex: 3 }, "conflict"],
  [{ type: "acl-tokens-upsert", Tokens: [aclToken("third", { SecretID: "secret-of-second" })] }, "conflict"],
  [{ type: "acl-tokens-upsert", Tokens: [aclToken("second", { SecretID: "another" })] }, "conflict"],
  [{ type: "acl-tokens-upsert", Tokens: [aclToken("gone")], Existing: true }, "missing"],
  [{ type: "acl-tokens-delete", AccessorIDs: ["second", "gone"], Expired: false }, "missing"],
  [{ type: "acl-roles-upsert", Roles: [aclRole("id-2", { Name: "team", Policies: [{ Name: "read" }] })] }, "conflict"],
  [{ type: "acl-roles-upsert", Roles: [aclRole("id-2", { Policies: [{ Name: "none" }] })] }, "invalid"],
  [{ type: "acl-auth-methods-upsert", Methods: [authMethod("other", { Default: true })] }, "invalid"],
  [{ type: "acl-binding-rules-upsert", Rules: [bindingRule("r", "none")] }, "invalid"],
  [{ type: "one-time-tokens-delete", Secrets: ["twice"], Expired: false }, "missing"],
];
for (const [command, code] of REFUSED) {
  test(`Refused whole: ${command.type} (${code})`, () => {
    const state = written(...ALL);
    const tokens = [...state.snapshot().aclTokens()].length;
    const outcome = state.apply(99, { version: 1, time: 99, requestId: "r99", command });
    assert.ok(!outcome.ok && outcome.code === code, JSON.stringify(outcome));
    assert.ok(!outcome.reason.includes("secret-of"));
    assert.equal([...state.snapshot().aclTokens()].length, tokens);
  });
}

test("A token that goes takes its one-time tokens, and its secret opens nothing", () => {
  const state = written(...ALL, { type: "acl-tokens-delete", AccessorIDs: ["second", "unknown"], Expired: true });
  assert.equal(state.snapshot().aclTokenBySecret("secret-of-second"), undefined);
  assert.equal(state.snapshot().oneTimeToken("once"), undefined);
});
