import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  EVERYTHING,
  type Grant,
  mayHostVolume,
  mayInAnyNamespace,
  mayInNamespace,
  mayListVariables,
  mayNode,
  mayNodePool,
  mayOperator,
  mayPlugin,
  mayReadServices,
  maySeeNamespace,
  mayVariable,
  mergeRules,
  NAMESPACE_CAPABILITIES,
  NOTHING,
  parsePolicy,
  type Rules,
} from "#access";
import type { AllocationId, JobId, Namespace } from "#model";
import { testScale } from "../../scale.ts";

function holding(...texts: readonly string[]): Grant {
  return { ...NOTHING, Subject: "token", Rules: mergeRules(texts.map((text) => parsePolicy(text))) };
}

test("The closest glob speaks alone", () => {
  const grant = holding(
    'namespace "*" { policy = "write" }',
    'namespace "*-web" { policy = "deny" }',
    'namespace "production-web" { policy = "read" }',
  );
  assert.equal(mayInNamespace(grant, "staging", "submit-job"), true);
  assert.equal(mayInNamespace(grant, "staging-web", "read-job"), false);
  assert.equal(mayInNamespace(grant, "production-web", "read-job"), true);
  assert.equal(mayInNamespace(grant, "production-web", "submit-job"), false);
});

test("Deny wins over everything said of the same name", () => {
  const grant = holding('namespace "a" { policy = "write" }', 'namespace "a" { capabilities = ["deny"] }');
  assert.equal(mayInNamespace(grant, "a", "read-job"), false);
  assert.equal(mayInAnyNamespace(grant, "read-job"), false);
  assert.equal(mayNode(holding('node { policy = "write" }', 'node { policy = "deny" }'), "read"), false);
});

test("Of globs that are as near as each other a deny counts", () => {
  assert.equal(
    mayInNamespace(holding('namespace "a*" { policy = "write" }', 'namespace "*a" { policy = "deny" }'), "aba", "read-job"),
    false,
  );
});

test("Levels: write reads, list only lists", () => {
  const grant = holding('node { policy = "write" }', 'plugin { policy = "list" }', 'operator { capabilities = ["snapshot-save"] }');
  assert.deepEqual([mayNode(grant, "read"), mayNode(grant, "write")], [true, true]);
  assert.deepEqual([mayPlugin(grant, "list"), mayPlugin(grant, "read")], [true, false]);
  assert.deepEqual(
    [mayOperator(grant, "write", "snapshot-save"), mayOperator(grant, "write"), mayOperator(grant, "read", "keyring-read")],
    [true, false, false],
  );
});

test("Node pools and host volumes", () => {
  const grant = holding(
    'node_pool "dev-*" { policy = "read" capabilities = ["write"] }',
    'host_volume "prod-*" { policy = "write" }',
    'host_volume "prod-ca" { policy = "read" }',
  );
  assert.deepEqual(
    ["read", "write", "delete"].map((each) => mayNodePool(grant, "dev-1", each)),
    [true, true, false],
  );
  assert.equal(mayHostVolume(grant, "prod-db", "mount-readwrite"), true);
  assert.equal(mayHostVolume(grant, "prod-ca", "mount-readwrite"), false);
  assert.equal(mayHostVolume(grant, "other", "mount-readonly"), false);
});

test("Variables: by the closest path, writing does not read", () => {
  const grant = holding(
    'namespace "dev" { variables { path "project/*" { capabilities = ["write"] } path "project/secret" { capabilities = ["deny"] } } }',
  );
  assert.equal(mayVariable(grant, "dev", "project/a", "write"), true);
  assert.equal(mayVariable(grant, "dev", "project/a", "list"), true);
  assert.equal(mayVariable(grant, "dev", "project/a", "read"), false);
  assert.equal(mayVariable(grant, "dev", "project/secret", "write"), false);
  assert.equal(mayVariable(grant, "dev", "project", "list"), false);
  assert.equal(mayVariable(grant, "prod", "project/a", "write"), false);
  assert.deepEqual([mayListVariables(grant, "dev"), mayListVariables(grant, "prod"), mayListVariables(grant, "*")], [true, false, true]);
  assert.equal(mayInNamespace(grant, "dev", "read-job"), false);
  assert.equal(maySeeNamespace(grant, "dev"), true);
});

test("A rule of paths alone does not lift the deny of a wider namespace rule", () => {
  const policies = ['namespace "a*" { policy = "deny" }', 'namespace "*" { variables { path "*" { capabilities = ["read"] } } }'];
  assert.equal(mayVariable(holding(...policies), "ab", "x", "read"), false);
  assert.equal(mayVariable(holding(...policies), "b", "x", "read"), true);
  const more = 'namespace "ab" { variables { path "z" { capabilities = ["deny"] } } }';
  assert.equal(mayVariable(holding(...policies, more), "ab", "x", "read"), false);
});

test("A workload reads its own variables and services, and what policies give; a deny takes that away", () => {
  const Workload = {
    Namespace: "default" as Namespace,
    JobID: "web" as JobId,
    TaskGroup: "front",
    Task: "app",
    AllocationID: "a" as AllocationId,
  };
  const grant: Grant = { ...NOTHING, Workload };
  for (const path of ["nomad/jobs", "nomad/jobs/web", "nomad/jobs/web/front", "nomad/jobs/web/front/app"]) {
    assert.equal(mayVariable(grant, "default", path, "read"), true, path);
    assert.equal(mayVariable(grant, "default", path, "write"), false, path);
    assert.equal(mayVariable(grant, "other", path, "read"), false, path);
  }
  assert.equal(mayVariable(grant, "default", "nomad/jobs/web/front/other", "read"), false);
  assert.equal(mayVariable(grant, "default", "shared", "read"), false);
  assert.deepEqual([mayReadServices(grant, "default"), mayReadServices(grant, "other")], [true, false]);
  const denied: Grant = { ...holding('namespace "default" { variables { path "nomad/jobs/web" { capabilities = ["deny"] } } }'), Workload };
  assert.equal(mayVariable(denied, "default", "nomad/jobs/web", "read"), false);
  assert.equal(mayVariable(denied, "default", "nomad/jobs/web/front", "read"), true);
});

const names = fc.constantFrom("a", "ab", "abc", "b", "*", "a*", "*b", "a*c", "*b*");
const rules: fc.Arbitrary<Rules> = fc.record({
  Namespaces: fc.array(
    fc.record({
      Name: names,
      Capabilities: fc.subarray(["deny", "read-job", "submit-job", "list-jobs", "read-fs"]),
      Variables: fc.array(fc.record({ Path: names, Capabilities: fc.subarray(["deny", "read", "write", "list", "destroy"]) }), {
        maxLength: 2,
      }),
    }),
    { maxLength: 3 },
  ),
  NodePools: fc.array(fc.record({ Name: names, Capabilities: fc.subarray(["deny", "read", "write"]) }), { maxLength: 2 }),
  HostVolumes: fc.array(fc.record({ Name: names, Capabilities: fc.subarray(["deny", "mount-readonly"]) }), { maxLength: 2 }),
  Node: fc.constantFrom("", "read", "write", "deny"),
  Agent: fc.constantFrom("", "read", "write", "deny"),
  Operator: fc.constantFrom("", "read", "write", "deny"),
  OperatorCapabilities: fc.subarray(["deny", "snapshot-save"]),
  Quota: fc.constantFrom("", "read", "write", "deny"),
  Plugin: fc.constantFrom("", "list", "read", "write", "deny"),
});

/** Every question there is, over a few names. */
function answers(Rules_: Rules): Readonly<Record<string, boolean>> {
  const grant: Grant = { ...NOTHING, Rules: Rules_ };
  const all: Record<string, boolean> = {
    node: mayNode(grant, "read"),
    "node write": mayNode(grant, "write"),
    operator: mayOperator(grant, "write", "snapshot-save"),
    plugin: mayPlugin(grant, "list"),
  };
  for (const name of ["a", "ab", "abc", "aab", "b", "other"]) {
    for (const capability of ["read-job", "submit-job", "read-logs", "purge-job"])
      all[`${capability} in ${name}`] = mayInNamespace(grant, name, capability);
    all[`pool ${name}`] = mayNodePool(grant, name, "read");
    all[`volume ${name}`] = mayHostVolume(grant, name, "mount-readonly");
    for (const path of ["a", "abc", "z"])
      for (const how of ["read", "list", "write"] as const) all[`${how} ${path} in ${name}`] = mayVariable(grant, name, path, how);
  }
  return all;
}

const runs = { numRuns: 150 * testScale() };

test("The order of policies never matters", () => {
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 4 }), fc.integer(), (policies, seed) => {
      const shuffled = policies.map((each, at) => ({ each, key: (seed ^ (at * 2654435761)) >>> 0 })).sort((x, y) => x.key - y.key);
      assert.deepEqual(mergeRules(shuffled.map(({ each }) => each)), mergeRules(policies));
    }),
    runs,
  );
});

test("Merging what is merged changes nothing", () => {
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 4 }), (policies) =>
      assert.deepEqual(mergeRules([mergeRules(policies)]), mergeRules(policies)),
    ),
    runs,
  );
});

test("A deny more never opens anything", () => {
  const deny = fc.record({ where: fc.constantFrom("namespace", "path", "pool", "volume", "node"), name: names, path: names });
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 3 }), deny, (policies, { where, name, path }) => {
      const none = mergeRules([]);
      const denying: Rules = {
        ...none,
        ...(where === "namespace" ? { Namespaces: [{ Name: name, Capabilities: ["deny"], Variables: [] }] } : {}),
        ...(where === "path"
          ? { Namespaces: [{ Name: name, Capabilities: [], Variables: [{ Path: path, Capabilities: ["deny"] }] }] }
          : {}),
        ...(where === "pool" ? { NodePools: [{ Name: name, Capabilities: ["deny"] }] } : {}),
        ...(where === "volume" ? { HostVolumes: [{ Name: name, Capabilities: ["deny"] }] } : {}),
        ...(where === "node" ? { Node: "deny" as const } : {}),
      };
      const before = answers(mergeRules(policies));
      const after = answers(mergeRules([...policies, denying]));
      for (const [question, answer] of Object.entries(after)) assert.ok(!answer || before[question] === true, question);
    }),
    runs,
  );
});

test("Who has nothing may nothing; who has everything may everything", () => {
  for (const [question, answer] of Object.entries(answers(mergeRules([])))) assert.equal(answer, false, question);
  for (const capability of NAMESPACE_CAPABILITIES) assert.equal(mayInNamespace(EVERYTHING, "any", capability), true);
});
