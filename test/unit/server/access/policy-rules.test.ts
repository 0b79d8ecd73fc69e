import assert from "node:assert/strict";
import { test } from "node:test";
import type { AclPolicy } from "#model";
import { createPolicyRules } from "../../../../src/server/access/policy-rules.ts";

test("A policy that was restored is read by its own text, though one of its name was written at the same index before", () => {
  const rulesOf = createPolicyRules();
  const policy = (Rules: string) => ({ Name: "ops", Rules, ModifyIndex: 50 }) as AclPolicy;
  const before = rulesOf(policy('node { policy = "write" }'));
  assert.equal(before.Node, "write");
  assert.equal(rulesOf(policy('node { policy = "write" }')), before, "read once");
  assert.equal(rulesOf(policy('node { policy = "read" }')).Node, "read");
});
