import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePolicy } from "#access";

function rejected(text: string): string {
  try {
    parsePolicy(text, "team.hcl");
  } catch (thrown) {
    assert.equal((thrown as { code?: string }).code, "ACL_POLICY_INVALID");
    return (thrown as Error).message;
  }
  throw new Error("it was taken");
}

test("A coarse policy stands for its capabilities, and what they bring along", () => {
  const [read] = parsePolicy('namespace "default" { policy = "read" }').Namespaces;
  assert.deepEqual(read?.Capabilities, [
    "csi-list-volume",
    "csi-read-volume",
    "host-volume-read",
    "list-jobs",
    "list-scaling-policies",
    "parse-job",
    "read-job",
    "read-job-scaling",
    "read-scaling-policy",
  ]);
  const write = parsePolicy('namespace "default" { policy = "write" }').Namespaces[0]?.Capabilities ?? [];
  for (const wanted of ["submit-job", "purge-job", "alloc-exec", "read-logs", "scale-job", "host-volume-delete", "promote-deployment"]) {
    assert.ok(write.includes(wanted), wanted);
  }
  for (const never of ["alloc-node-exec", "csi-register-plugin", "sentinel-override", "deny"]) assert.ok(!write.includes(never), never);
  assert.deepEqual(parsePolicy('namespace "d" { policy = "scale" }').Namespaces[0]?.Capabilities.length, 4);
});

test("The same policy as HCL and as JSON", () => {
  const hcl = parsePolicy(`
    namespace "prod-*" {
      policy       = "read"
      capabilities = ["alloc-exec"]
      variables { path "project/*" { capabilities = ["read", "write"] } }
    }
    node_pool "gpu" { policy = "write" }
    host_volume "certs" { policy = "read" }
    node { policy = "write" }
    operator { capabilities = ["snapshot-save"] }
    plugin { policy = "list" }
  `);
  const json = parsePolicy(
    JSON.stringify({
      namespace: {
        "prod-*": {
          policy: "read",
          capabilities: ["alloc-exec"],
          variables: { path: { "project/*": { capabilities: ["read", "write"] } } },
        },
      },
      node_pool: { gpu: { policy: "write" } },
      host_volume: [{ certs: { policy: "read" } }],
      node: { policy: "write" },
      operator: { capabilities: ["snapshot-save"] },
      plugin: { policy: "list" },
    }),
  );
  assert.deepEqual(json, hcl);
  assert.deepEqual(hcl.Namespaces[0]?.Variables, [{ Path: "project/*", Capabilities: ["list", "read", "write"] }]);
  assert.deepEqual(hcl.HostVolumes, [{ Name: "certs", Capabilities: ["mount-readonly"] }]);
  assert.deepEqual([hcl.Node, hcl.Plugin, hcl.Agent, hcl.OperatorCapabilities], ["write", "list", "", ["snapshot-save"]]);
});

const WRONG: readonly (readonly [text: string, ...says: RegExp[]])[] = [
  ['namespace "a" { policy = "raed" }', /team\.hcl:1:26: Unknown policy "raed"/, /Did you mean "read"\?/],
  ['namespace "a" { capabilities = ["read-jobs"] }', /Unknown capability "read-jobs"/, /Did you mean "read-job"\?/],
  ['namespce "a" { policy = "read" }', /team\.hcl:1:1: Unknown key "namespce"/, /Did you mean "namespace"\?/],
  ['namespace "a b" { policy = "read" }', /Invalid name "a b"/],
  ['namespace "a" { }', /opens and denies nothing/],
  ['namespace "a" { polcy = "read" }', /Unknown key "polcy" in namespace "a"/],
  ['namespace "a" { variables { path "/x" { capabilities = ["read"] } } }', /starts with "\/"/],
  ['namespace "a" { variables { } }', /There is no path/],
  ['namespace "a" { capabilities = "read-job" }', /Expected a list/],
  ['namespace "a" { policy = read }', /read/],
  ['node { policy = "list" }', /Unknown policy "list"/],
  ["node { }", /has no policy/],
  ['node { policy = "read" }\nnode { policy = "write" }', /team\.hcl:2:1: There is a second node block/],
  ['operator { capabilities = ["snapshot-sav"] }', /Did you mean "snapshot-save"\?/],
  ["", /It says nothing/],
  ["{", /team\.hcl/],
  ['{"namespace": {"a": {"policy": 7}}}', /Unknown policy 7/],
];
for (const [text, ...says] of WRONG) {
  test(`A mistake is shown with its place: ${text.replaceAll("\n", " ")}`, () => {
    const message = rejected(text);
    for (const what of says) assert.match(message, what);
  });
}

test("Several mistakes are shown at once", () => {
  const message = rejected('node { policy = "raed" }\nagent { policy = "wirte" }');
  assert.match(message, /Unknown policy "raed"/);
  assert.match(message, /Unknown policy "wirte"/);
});

test("What is too long, or only noise, is refused and nothing worse", () => {
  assert.match(rejected("#".repeat(200_000)), /longer than/);
  assert.match(rejected("\u0000\u0001{{{{[[["), /team\.hcl/);
});
