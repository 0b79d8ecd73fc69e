/** Commands about networks and the mesh: what they ask, their exit codes, what they show when a node is silent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkMesh } from "../../../../src/cli/commands/check-mesh.ts";
import { meshCheck } from "../../../../src/cli/commands/mesh-check.ts";
import { UsageError } from "../../../../src/cli/flags.ts";
import { answered, fakeContext } from "../fake-context.ts";

const check = (Verdict: string) => ({ Source: "web", Destination: "api", Namespace: "default", Verdict, Steps: [] });

test("mesh check ends with 0 when the call arrives, with 1 when it does not, or nobody can say", async () => {
  for (const [verdict, code] of [
    ["reachable", 0],
    ["unreachable", 1],
    ["unknown", 1],
  ] as const) {
    const asked: unknown[] = [];
    const api = { mesh: { check: async (...words: unknown[]) => (asked.push(words), answered(check(verdict))) } };
    const { context, printed } = fakeContext({ words: ["web", "api"], flags: meshCheck.flags, api });
    assert.equal(await meshCheck.run(context), code);
    assert.deepEqual(asked, [["web", "api", {}]]);
    assert.match(printed.join("\n"), /"web" can(not)? call "api"/);
  }
});

test("mesh check -json is what the servers answer, with the same exit code", async () => {
  const api = { mesh: { check: async () => answered(check("unreachable")) } };
  const { context, printed } = fakeContext({ words: ["-json", "web", "api"], flags: meshCheck.flags, api });
  assert.equal(await meshCheck.run(context), 1);
  assert.deepEqual(JSON.parse(printed.join("\n")), check("unreachable"));
});

test("mesh check wants two names", async () => {
  for (const words of [[], ["web"], ["web", "api", "more"]]) {
    const { context } = fakeContext({ words, flags: meshCheck.flags });
    await assert.rejects(async () => meshCheck.run(context), UsageError);
  }
});

test("check mesh asks the agent's own node, or the one that is named by a prefix; 1 when something is missing", async () => {
  const finding = (standing: string) => ({ what: "envoy", standing, problem: "", fix: "" });
  for (const [words, standing, id, code] of [
    [[], "good", "", 0],
    [[], "warning", "", 0],
    [["-node=1a2b3c4d"], "missing", "1a2b3c4d-0000-0000-0000-000000000000", 1],
  ] as const) {
    const asked: unknown[] = [];
    const node = { ID: "1a2b3c4d-0000-0000-0000-000000000000", Name: "one" };
    const nodes = { list: async () => answered([node]), preflight: async (of: string) => (asked.push(of), answered([finding(standing)])) };
    const { context } = fakeContext({ words, flags: checkMesh.flags, api: { nodes } });
    assert.equal(await checkMesh.run(context), code);
    assert.deepEqual(asked, [id]);
  }
});
