/** Every endpoint and method, asked with nothing, with each thing that would do, and with everything of other namespaces. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { NO_RULES, NOTHING, type Grant, type Rules } from "#access";
import { ENDPOINTS, needsOf, type EndpointName, type Requirement } from "#api/contract";
import { createWorld } from "./fake-world.ts";

let grant: Grant = NOTHING;
const world = createWorld({ access: { enabled: true, resolve: async () => grant } });
after(() => world.api.close());

const PARAMETERS: Readonly<Record<string, string>> = {
  job: "web",
  id: "x",
  allocation: "a1",
  name: "default",
  accessor: "x",
  tag: "t",
  profile: "heap",
};
const OF: Readonly<Record<string, string>> = { allocation: "a1", evaluation: "e1", deployment: "d1", "scaling-policy": "x" };

function urlOf(name: EndpointName, needs: readonly Requirement[]): string {
  const record = needs.map(({ of }) => of).find((of) => of !== undefined);
  const path: string = ENDPOINTS[name].path;
  return path
    .replace(/:(\w+)/g, (_, key: string) => (key === "id" && record !== undefined ? (OF[record] as string) : (PARAMETERS[key] as string)))
    .replace("*", "app/config");
}

async function statusWith(rights: Grant, method: "GET" | "PUT" | "DELETE", url: string): Promise<number> {
  grant = rights;
  const payload = method === "PUT" ? { payload: JSON.stringify({ Name: "default", Job: { ID: "web" } }) } : {};
  return (await world.api.inject({ method, url, ...payload })).statusCode;
}

function grantOf(rules: Partial<Rules>): Grant {
  return { ...NOTHING, Subject: "tester", AccessorID: "tester", Rules: { ...NO_RULES, ...rules } };
}

/** What meets a need, once for each word that does. */
function meeting(need: Requirement, namespace = "default"): readonly Partial<Rules>[] {
  switch (need.kind) {
    case "namespace":
      return need.any.map((one) => ({ Namespaces: [{ Name: namespace, Capabilities: [one], Variables: [] }] }));
    case "variable":
      return need.any.map((one) => ({
        Namespaces: [{ Name: namespace, Capabilities: [], Variables: [{ Path: "*", Capabilities: [one] }] }],
      }));
    case "node-pool":
      return need.any.map((one) => ({ NodePools: [{ Name: "default", Capabilities: [one] }] }));
    case "node":
      return [{ Node: need.level }];
    case "agent":
      return [{ Agent: need.level }];
    case "operator":
      return [{ Operator: need.level }, ...(need.capability === undefined ? [] : [{ OperatorCapabilities: [need.capability] }])];
    default:
      return [];
  }
}

/** They answer for as long as somebody listens. */
const STREAMS: readonly EndpointName[] = ["agent-monitor", "event-stream"];

for (const [name, endpoint] of Object.entries(ENDPOINTS) as [EndpointName, (typeof ENDPOINTS)[EndpointName]][]) {
  for (const method of endpoint.methods) {
    const needs = needsOf(name, method);
    const url = urlOf(name, needs);
    if (needs.every(({ kind }) => kind === "anyone" || kind === "inside")) continue;
    test(`${method} ${endpoint.path} is closed to who has nothing, open to who has what it needs, and closed again elsewhere`, async () => {
      // Lists of node pools are never refused: what may not be seen is left out.
      if (!needs.some((need) => need.kind === "node-pool" && need.listing === true)) {
        assert.equal(await statusWith(NOTHING, method, url), 403, "with nothing");
        const elsewhere = needs.flatMap((need) => meeting(need, "elsewhere"));
        const ofNamespace = needs.every(({ kind }) => kind === "namespace" || kind === "variable");
        for (const rules of ofNamespace ? elsewhere : []) assert.equal(await statusWith(grantOf(rules), method, url), 403, "elsewhere");
      }
      if (STREAMS.includes(name) || needs.length !== 1) return;
      for (const rules of meeting(needs[0] as Requirement)) {
        assert.notEqual(await statusWith(grantOf(rules), method, url), 403, JSON.stringify(rules));
      }
    });
  }
}

test("Who may submit in one namespace submits in no other, whatever the query says and however the field is written", async () => {
  const rules = grantOf({ Namespaces: [{ Name: "default", Capabilities: ["submit-job"], Variables: [] }] });
  for (const Job of [
    { ID: "web", Namespace: "team" },
    { ID: "web", namespace: "team" },
  ]) {
    grant = rules;
    const answer = await world.api.inject({ method: "PUT", url: "/v1/jobs", payload: JSON.stringify({ Job }) });
    assert.ok(answer.statusCode >= 400, answer.body);
  }
});
