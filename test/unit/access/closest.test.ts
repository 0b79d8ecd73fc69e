/** Cases that property tests pass by: each fails when one line of the rules is left out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mayInAnyNamespace, mayInNamespace, mayListVariables, mergeRules, NOTHING, parsePolicy, type Grant } from "#access";
import { closest, matchesGlob } from "../../../src/access/closest.ts";

const holding = (...texts: readonly string[]): Grant => ({ ...NOTHING, Rules: mergeRules(texts.map((text) => parsePolicy(text))) });
const capabilitiesOf = (text: string) => parsePolicy(text).Namespaces[0]?.Capabilities ?? [];

test("What stands before, between and behind the stars does not overlap", () => {
  for (const [glob, name, matches] of [
    ["ab*ba", "aba", false],
    ["ab*ba", "abba", true],
    ["*ab*b", "ab", false],
    ["*ab*b", "abb", true],
    ["a*b*c", "acb", false],
    ["a**c", "ac", true],
    ["*", "", true],
    ["a", "a*", false],
  ] as const)
    assert.equal(matchesGlob(glob, name), matches, `${glob} ${name}`);
});

test("A name's own rule speaks alone, though a glob is as near; of globs only the nearest, whatever their order", () => {
  const near = (globs: readonly string[], name: string) => closest(globs, name, (glob) => glob);
  assert.deepEqual(near(["web*", "web", "*"], "web"), ["web"]);
  assert.deepEqual(near(["*", "prod-*", "prod-w*"], "prod-web"), ["prod-w*"]);
  assert.deepEqual(near(["prod-w*", "prod-*", "*"], "prod-web"), ["prod-w*"]);
  assert.deepEqual(near(["a*", "*a", "b*"], "aba"), ["a*", "*a"]);
  const grant = holding(
    'namespace "*" { policy = "write" }',
    'namespace "prod-*" { policy = "read" }',
    'namespace "web*" { policy = "deny" }',
  );
  assert.deepEqual([mayInNamespace(grant, "prod-1", "submit-job"), mayInNamespace(grant, "prod-1", "read-job")], [false, true]);
  const own = holding('namespace "web*" { policy = "deny" }', 'namespace "web" { policy = "read" }');
  assert.equal(mayInNamespace(own, "web", "read-job"), true);
});

test("Deny leaves nothing beside it, also where it is said among others", () => {
  assert.deepEqual(capabilitiesOf('namespace "a" { capabilities = ["read-job", "deny"] }'), ["deny"]);
  assert.deepEqual(parsePolicy('operator { policy = "deny" capabilities = ["snapshot-save"] }').OperatorCapabilities, ["deny"]);
});

test("A namespace that is denied is none in which there is anything, nor one whose variables are listed", () => {
  const denied = holding('namespace "a" { policy = "deny" variables { path "*" { capabilities = ["list"] } } }');
  assert.deepEqual([mayInAnyNamespace(denied), mayListVariables(denied, "a"), mayListVariables(denied, "*")], [false, false, false]);
  const open = holding('namespace "a" { policy = "read" variables { path "*" { capabilities = ["list"] } } }');
  assert.deepEqual([mayInAnyNamespace(open), mayListVariables(open, "a"), mayListVariables(open, "*")], [true, true, true]);
});

test("What a capability brings along, and nothing more", () => {
  const more = {
    "read-fs": ["read-fs", "read-logs"],
    "read-logs": ["read-logs"],
    "read-job": ["csi-list-volume", "csi-read-volume", "read-job"],
    "list-jobs": ["csi-list-volume", "list-jobs"],
    "csi-write-volume": ["csi-list-volume", "csi-read-volume", "csi-write-volume"],
    "csi-mount-volume": ["csi-list-volume", "csi-mount-volume", "csi-read-volume"],
    "host-volume-create": ["host-volume-create", "host-volume-read"],
    "host-volume-register": ["host-volume-create", "host-volume-read", "host-volume-register"],
    "host-volume-write": ["host-volume-create", "host-volume-delete", "host-volume-read", "host-volume-register", "host-volume-write"],
    "alloc-exec": ["alloc-exec"],
  };
  for (const [capability, all] of Object.entries(more))
    assert.deepEqual(capabilitiesOf(`namespace "a" { capabilities = ["${capability}"] }`), all, capability);
});
