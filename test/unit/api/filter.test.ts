import assert from "node:assert/strict";
import { test } from "node:test";
import { after, before } from "node:test";
import { createWorld, aJob, type World } from "./fake-world.ts";

/** Filters are tried where users meet them: on the list of jobs. */
let world: World;
before(() => {
  world = createWorld();
  world.state.jobs = [
    aJob("alpha", { Type: "service", Priority: 50, Meta: { team: "red", "a.b": "dotted" }, Datacenters: ["dc1", "dc2"], Stop: false }),
    aJob("beta", { Type: "batch", Priority: 70, Meta: {}, Datacenters: ["dc1"], Stop: true }),
    aJob("gamma-1", { Type: "batch", Priority: 20, Meta: { team: "blue" }, Datacenters: [], Stop: false }),
  ];
});
after(() => world.api.close());

async function filtered(expression: string): Promise<string> {
  const response = await world.api.inject({ method: "GET", url: `/v1/jobs?filter=${encodeURIComponent(expression)}` });
  assert.equal(response.statusCode, 200, `${expression}: ${response.body}`);
  return response
    .json<{ ID: string }[]>()
    .map((job) => job.ID)
    .join(" ");
}

const MEANINGS: readonly (readonly [expression: string, ids: string])[] = [
  ['Type == "batch"', "beta gamma-1"],
  ["Type == batch", "beta gamma-1"],
  ["Type==batch", "beta gamma-1"],
  ['Type != "batch"', "alpha"],
  ["Priority == 70", "beta"],
  ["Priority != 70", "alpha gamma-1"],
  ["Stop == true", "beta"],
  ["Stop != true", "alpha gamma-1"],
  ['Stop == "F"', "alpha gamma-1"],
  ['"dc2" in Datacenters', "alpha"],
  ["dc2 in Datacenters", "alpha"],
  ['"dc2" not in Datacenters', "beta gamma-1"],
  ['Datacenters contains "dc1"', "alpha beta"],
  ['Datacenters not contains "dc1"', "gamma-1"],
  ["Datacenters is empty", "gamma-1"],
  ["Datacenters is not empty", "alpha beta"],
  ["Periodic is nil", "alpha beta gamma-1"],
  ['ParentID == "" and ParameterizedJob is not nil', ""],
  ['ID contains "mm"', "gamma-1"],
  ['ID matches "^[ab]"', "alpha beta"],
  ["ID matches `-\\d$`", "gamma-1"],
  ['ID not matches "^[ab]"', "gamma-1"],
  ['ID matches "(?i)ALPHA"', "alpha"],
  ['Meta.team == "red"', "alpha"],
  ['Meta["team"] == "red"', "alpha"],
  ['Meta["a.b"] == "dotted"', "alpha"],
  ['"/Meta/team" == "red"', "alpha"],
  ['"/Meta/a.b" == dotted', "alpha"],
  ['Meta.team != "red"', "beta gamma-1"],
  ["Meta is empty", "beta"],
  ["Meta.team is empty", "beta"],
  ['"team" in Meta', "alpha gamma-1"],
  ["Type == batch and Priority == 20", "gamma-1"],
  ["Type == service or Priority == 20", "alpha gamma-1"],
  ["Type == service or Type == batch and Priority == 20", "alpha gamma-1"],
  ["(Type == service or Type == batch) and Priority == 20", "gamma-1"],
  ["not Type == batch", "alpha"],
  ["not (Type == batch or Priority == 50)", ""],
  ["not not Type == batch", "beta gamma-1"],
  ["any Datacenters as d { d == dc2 }", "alpha"],
  ["all Datacenters as d { d == dc1 }", "beta gamma-1"],
  ["any Meta as k, v { k == team and v == blue }", "gamma-1"],
  ["any TaskGroups as g { g.Name == g }", "alpha beta gamma-1"],
  ["TaskGroups.0.Name == g", "alpha beta gamma-1"],
  ['ID == "al\\x70ha"', "alpha"],
  ["  ID   ==   alpha  ", "alpha"],
];

for (const [expression, ids] of MEANINGS)
  test(`The filter ${expression} leaves ${ids || "nothing"}`, async () => assert.equal(await filtered(expression), ids));

const REFUSALS: readonly (readonly [expression: string, reason: RegExp])[] = [
  ["ID ==", /it ends, wanted a value at column 6/],
  ["== alpha", /wanted a field or a value/],
  ["ID", /it ends, wanted "=="/],
  ["ID = alpha", /unexpected character "="/],
  ["(ID == alpha", /wanted "\)"/],
  ["ID == alpha)", /wanted "and", "or" or the end/],
  ["ID == alpha Type == batch", /found "Type"/],
  ['ID == "alpha', /the string is not closed/],
  ["ID == `alpha", /the string is not closed/],
  ['ID == "\\q"', /unknown escape/],
  ["ID is full", /wanted "empty"/],
  ["Nonsense == 1", /there is no field "Nonsense"/],
  ["Priority == high", /"Priority" is a number, and "high" is not one/],
  ["Stop == maybe", /"Stop" is a boolean/],
  ["Priority matches 5", /only text matches/],
  ["Priority contains 5", /contains nothing/],
  ["Priority is empty", /never empty/],
  ["Priority is nil", /never nil/],
  ["TaskGroups == g", /cannot be compared/],
  ['ID matches "("', /invalid pattern/],
  ['ID matches "(a)\\\\1"', /back-references/],
  ['ID matches "(?=a)"', /look-around/],
  [`${"(".repeat(200)}ID == a${")".repeat(200)}`, /nested more than/],
  [`ID == "${"a".repeat(9000)}"`, /characters/],
  ["__proto__ == x", /there is no field/],
  ["constructor is empty", /there is no field/],
];

for (const [expression, reason] of REFUSALS) {
  test(`The filter ${expression.slice(0, 40)} is refused with its reason`, async () => {
    const response = await world.api.inject({ method: "GET", url: `/v1/jobs?filter=${encodeURIComponent(expression)}` });
    assert.equal(response.statusCode, 400, response.body);
    assert.match(response.body, /^Cannot use filter "/);
    assert.match(response.body, reason);
  });
}

test("A pattern that backtracks without end does not hold the event loop", async () => {
  world.state.write("jobs", () => (world.state.jobs = [...world.state.jobs, aJob("a".repeat(60) + "b")]));
  const started = performance.now();
  assert.equal(await filtered('ID matches "^(a+)+$"'), "");
  assert.equal(await filtered('ID matches "^(a|a)*$"'), "");
  assert.ok(performance.now() - started < 500);
});
