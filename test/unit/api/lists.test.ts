/** What holds for every list, whatever it lists: nomad.md §3.1. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ENDPOINTS } from "#api/contract";
import { createRealWorld } from "./real-world.ts";

const world = createRealWorld(42);
/** What comes and goes is there when the moves end, however they were drawn. */
const complete = () => {
  const [first] = world.state.snapshot().services("default");
  return first !== undefined && [...world.state.snapshot().allocationsByJob("default", first.JobID)].length > 1;
};
for (let each = 0; each < 400 || !complete(); each++) world.move();
after(() => world.api.close());

/** A job, a node, … that has something of everything. */
const snapshot = world.state.snapshot();
const DEPLOYMENT = [...snapshot.deployments()].find((one) => [...snapshot.allocationsByDeployment(one.ID)].length > 0);
const ALLOCATION = [...snapshot.allocations()].find((one) => snapshot.node(one.NodeID) !== undefined);
const JOB = [...snapshot.deployments()].find((one) => [...snapshot.allocationsByJob("default", one.JobID)].length > 1)?.JobID;

const [SERVICE] = snapshot.services("default");

/** Every path that answers a list of objects of the state, and a field all of them have. */
const LISTS: Readonly<Record<string, string>> = {
  "/v1/jobs": "ID",
  "/v1/jobs/statuses": "ID",
  [`/v1/job/${JOB}/allocations`]: "ID",
  [`/v1/job/${JOB}/evaluations`]: "ID",
  [`/v1/job/${JOB}/deployments`]: "ID",
  "/v1/nodes": "ID",
  [`/v1/node/${ALLOCATION?.NodeID}/allocations`]: "ID",
  "/v1/node/pools": "Name",
  "/v1/node/pool/all/nodes": "ID",
  "/v1/node/pool/default/jobs": "ID",
  "/v1/allocations": "ID",
  "/v1/evaluations": "ID",
  [`/v1/evaluation/${ALLOCATION?.EvalID}/allocations`]: "ID",
  "/v1/deployments": "ID",
  [`/v1/deployment/allocations/${DEPLOYMENT?.ID}`]: "ID",
  "/v1/scaling/policies": "ID",
  "/v1/namespaces": "Name",
  [`/v1/service/${SERVICE?.ServiceName}`]: "ID",
  [`/v1/job/${SERVICE?.JobID}/services`]: "ID",
  [`/v1/allocation/${SERVICE?.AllocID}/services`]: "ID",
  "/v1/operator/keyring/keys": "KeyID",
};
/** Lists of what is not in the state (files, members) or of what there is none of yet; streams. */
const OTHERS: readonly string[] = [
  ..."job-actions services files-ls regions volumes plugins".split(" "),
  ..."event-stream agent-monitor snapshot".split(" "),
];

const get = (url: string) => world.api.inject({ method: "GET", url });

test("No list is forgotten here", async () => {
  const asked = Object.keys(LISTS);
  const pattern = (path: string) => new RegExp(`^${path.replaceAll(/:\w+/g, "[^/]+")}$`);
  const missed: string[] = [];
  for (const [name, { path, methods }] of Object.entries(ENDPOINTS) as [string, { path: string; methods: readonly string[] }][]) {
    if (!methods.includes("GET") || OTHERS.includes(name) || asked.some((one) => pattern(path).test(one))) continue;
    const response = await get(path.replaceAll(/:\w+/g, "x"));
    if (response.statusCode === 200 && response.body.startsWith("[")) missed.push(name);
  }
  assert.deepEqual(missed, []);
});

for (const [url, key] of Object.entries(LISTS)) {
  // The random jobs have no scaling blocks, and no pool.
  const isEmpty = /scaling|default\/jobs/.test(url);
  // Below a job there is one namespace.
  const everywhere = url.startsWith("/v1/job/") ? "all=true" : "namespace=*";

  test(`${url} carries an index, is indented when asked, and waits for a newer one`, async () => {
    const plain = await get(`${url}?all=true`);
    assert.equal(plain.statusCode, 200, plain.body);
    const all = plain.json<Record<string, unknown>[]>();
    if (!isEmpty) assert.ok(all.length > 0 && all.every((one) => typeof one[key] === "string"), plain.body.slice(0, 200));
    const index = Number(plain.headers["x-nomad-index"]);
    assert.ok(index >= 1);
    assert.equal(plain.headers["x-nomad-knownleader"], "true");
    assert.equal(plain.headers["x-nomad-lastcontact"], "0");
    assert.deepEqual((await get(`${url}?all=true&pretty`)).json(), all);
    // An index that is behind is answered at once; one that is not waits until the time is over: nothing is written meanwhile.
    assert.deepEqual((await get(`${url}?all=true&index=${index - 1 || 1}&wait=1ms`)).json(), all);
    const late = await get(`${url}?all=true&index=${index}&wait=1ms`);
    assert.deepEqual([late.statusCode, late.headers["x-nomad-index"]], [200, String(index)]);
  });

  test(`${url} is filtered over its objects' fields, cut into pages and read backwards`, async () => {
    const all = (await get(`${url}?${everywhere}&per_page=10000`)).json<Record<string, unknown>[]>();
    const names = all.map((one) => one[key]);
    const wrong = await get(`${url}?filter=${encodeURIComponent(`${key} ==`)}`);
    assert.deepEqual([wrong.statusCode, wrong.headers["content-type"]], [400, "text/plain; charset=utf-8"]);
    if (isEmpty) return;
    const filter = encodeURIComponent(`${key} == ${JSON.stringify(names[0])}`);
    const matching = (await get(`${url}?${everywhere}&filter=${filter}`)).json<Record<string, unknown>[]>();
    assert.ok(matching.length > 0 && matching.every((one) => one[key] === names[0]), url);
    const backwards = (await get(`${url}?${everywhere}&per_page=10000&reverse=true`)).json<Record<string, unknown>[]>();
    assert.deepEqual(
      backwards.map((one) => one[key]),
      names.toReversed(),
    );
    const first = await get(`${url}?${everywhere}&per_page=1`);
    assert.deepEqual(
      first.json<Record<string, unknown>[]>().map((one) => one[key]),
      names.slice(0, 1),
    );
    assert.equal(first.headers["x-nomad-nexttoken"] !== undefined, names.length > 1);
  });
}

test("A prefix narrows the lists that have ids or names of their own", async () => {
  for (const url of [
    "/v1/jobs",
    "/v1/nodes",
    "/v1/allocations",
    "/v1/evaluations",
    "/v1/deployments",
    "/v1/namespaces",
    "/v1/node/pools",
  ]) {
    const key = LISTS[url] as string;
    const names = (await get(`${url}?namespace=*`)).json<Record<string, string>[]>().map((one) => one[key] as string);
    const prefix = (names[0] as string).slice(0, 3);
    const found = (await get(`${url}?namespace=*&prefix=${encodeURIComponent(prefix)}`)).json<Record<string, string>[]>();
    assert.deepEqual(found.map((one) => one[key]).sort(), names.filter((name) => name.startsWith(prefix)).sort(), url);
    assert.deepEqual((await get(`${url}?namespace=*&prefix=no-such-thing`)).json(), [], url);
  }
});
