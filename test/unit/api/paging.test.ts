import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Api } from "#api/server";
import type { Snapshot } from "#state";
import { testScale } from "../../scale.ts";
import { aJob, anAllocation, anEvaluation, createWorld } from "./fake-world.ts";
import { createRealWorld } from "./real-world.ts";

interface Listed {
  readonly ID?: string;
  readonly Name?: string;
  readonly Namespace?: string;
  readonly CreateIndex: number;
}

/** Every page of a list, with a write between two pages where one is given. */
async function pages(api: Api, url: string, between?: () => void): Promise<Listed[]> {
  const found: Listed[] = [];
  let token = "";
  for (let count = 0; count < 1000; count++) {
    const response = await api.inject({ method: "GET", url: `${url}${token === "" ? "" : `&next_token=${encodeURIComponent(token)}`}` });
    assert.equal(response.statusCode, 200, response.body);
    found.push(...response.json<Listed[]>());
    token = String(response.headers["x-nomad-nexttoken"] ?? "");
    if (token === "") return found;
    between?.();
  }
  throw new Error("pages without end");
}

/** Tells two lives of one name apart. */
const keyOf = (one: Listed) => `${one.Namespace ?? ""}/${one.ID ?? one.Name}@${one.CreateIndex}`;

const LISTS: Readonly<Record<string, (snapshot: Snapshot) => Iterable<Listed>>> = {
  "jobs?namespace=*": (snapshot) => snapshot.jobs("*"),
  "allocations?namespace=*": (snapshot) => snapshot.allocations(),
  "evaluations?namespace=*": (snapshot) => snapshot.evaluations(),
  "deployments?namespace=*": (snapshot) => snapshot.deployments(),
  "nodes?": (snapshot) => snapshot.nodes(),
  "node/pools?": (snapshot) => snapshot.nodePools(),
  "namespaces?": (snapshot) => snapshot.namespaces(),
};

for (const [list, all] of Object.entries(LISTS)) {
  test(`Pages of /v1/${list} hold what was there all the time, each once, whatever is written between them (F27)`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 4 }),
        async (seed, perPage, reverse, writes) => {
          const { api, state, move } = createRealWorld(seed);
          for (let each = 0; each < 60; each++) move();
          const steady = new Set([...all(state.snapshot())].map(keyOf));
          // So many writes that the pages end: what is made at the end of a list makes it longer.
          let left = 30;
          const keep = () => {
            for (let each = 0; each < writes && left > 0; each++, left--) move();
            const now = new Set([...all(state.snapshot())].map(keyOf));
            for (const one of steady) if (!now.has(one)) steady.delete(one);
          };
          const seen = (await pages(api, `/v1/${list}&per_page=${perPage}&reverse=${reverse}`, keep)).map(keyOf);
          assert.equal(new Set(seen).size, seen.length, "nothing twice");
          assert.deepEqual(
            [...steady].filter((one) => !seen.includes(one)),
            [],
            "nothing lost",
          );
          await api.close();
        },
      ),
      { numRuns: 6 * testScale() },
    );
  });
}

test("Job statuses, ordered by their last change, lose nothing when read forward; what changes meanwhile is met again", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 4 }), async (seed, perPage) => {
      const { api, state, move } = createRealWorld(seed);
      for (let each = 0; each < 60; each++) move();
      const steady = new Set([...state.snapshot().jobs("*")].map((job) => job.ID as string));
      let left = 30;
      const keep = () => {
        if (left-- > 0) move();
        for (const id of steady) if (![...state.snapshot().jobs("*", id)].some((job) => job.ID === id)) steady.delete(id);
      };
      const seen = (await pages(api, `/v1/jobs/statuses?namespace=*&include_children=true&per_page=${perPage}`, keep)).map((one) => one.ID);
      assert.deepEqual(
        [...steady].filter((id) => !seen.includes(id)),
        [],
      );
      await api.close();
    }),
    { numRuns: 6 * testScale() },
  );
});

test("A list read backwards is the list read forwards, turned round; with and without pages", async () => {
  const { api, state, move } = createRealWorld(7);
  const someOfEach = () => Object.values(LISTS).every((all) => [...all(state.snapshot())].length > 0);
  for (let each = 0; each < 300 || (!someOfEach() && each < 5000); each++) move();
  for (const list of Object.keys(LISTS)) {
    const forward = (await pages(api, `/v1/${list}&per_page=3`)).map(keyOf);
    assert.ok(forward.length > 0, list);
    assert.deepEqual((await pages(api, `/v1/${list}&per_page=4&reverse=true`)).map(keyOf), forward.toReversed(), list);
    assert.deepEqual((await pages(api, `/v1/${list}&x=y`)).map(keyOf), forward, list);
  }
  await api.close();
});

test("Records that are gone leave no hole and take no memory in the order of creation", async () => {
  const { api, state, apply } = createRealWorld(3);
  const upsert = (from: number, count: number) =>
    apply({
      type: "evaluations-upsert",
      Evaluations: Array.from({ length: count }, (_, at) => anEvaluation(`e-${from + at}`, { Status: "complete" })),
    });
  const drop = (from: number, count: number) =>
    apply({ type: "reap", Jobs: [], Allocations: [], Evaluations: Array.from({ length: count }, (_, at) => `e-${from + at}` as never) });
  upsert(0, 6000);
  assert.equal((await pages(api, "/v1/evaluations?per_page=3000")).length, 6000);
  drop(0, 5500);
  upsert(10_000, 10);
  for (let round = 0; round < 3; round++) {
    const ids = (await pages(api, "/v1/evaluations?per_page=200")).map((one) => one.ID);
    assert.equal(ids.length, 510);
    assert.equal(new Set(ids).size, 510);
  }
  upsert(20_000, 5);
  assert.equal((await pages(api, "/v1/evaluations?per_page=100")).length, 515);
  assert.equal([...state.snapshot().evaluations()].length, 515);
  await api.close();
});

test("Pages of jobs in all namespaces keep names with dots apart", async () => {
  const world = createWorld();
  const jobs = ["a.b", "a", "b.c"].flatMap((id) => [aJob(id), aJob(id, { Namespace: "other" })]);
  world.state.write("jobs", () => (world.state.jobs = jobs));
  assert.equal((await pages(world.api, "/v1/jobs?namespace=*&per_page=1")).length, 6);
  assert.equal((await pages(world.api, "/v1/jobs?namespace=other&per_page=2")).length, 3);
  await world.api.close();
});

test("Tokens of jobs whose names no header holds lead to the next page all the same (F27)", async () => {
  const { api, state } = createWorld();
  state.jobs = ["50%", "50%25", "a%41", "café", "zürich", "日本", "web"].map((id) => aJob(id));
  const all = (await pages(api, "/v1/jobs?x=y")).map((one) => one.ID);
  assert.equal(all.length, 7);
  for (const query of ["per_page=1", "per_page=2", "per_page=3&reverse=true", "per_page=1&namespace=*"]) {
    const seen = (await pages(api, `/v1/jobs?${query}`)).map((one) => one.ID);
    assert.deepEqual(query.includes("reverse") ? seen.toReversed() : seen, all, query);
  }
  const { headers } = await api.inject({ method: "GET", url: "/v1/jobs?per_page=3" });
  assert.equal(headers["x-nomad-nexttoken"], "caf%C3%A9" satisfies string, String(headers["x-nomad-nexttoken"]));
  // Written by hand, as it stands.
  const byHand = await api.inject({ method: "GET", url: "/v1/jobs?next_token=50%25" });
  assert.equal(byHand.json<Listed[]>()[0]?.ID, "50%");
  await api.close();
});

test("A token of no list is refused", async () => {
  const world = createWorld();
  for (const url of ["/v1/allocations?next_token=nonsense", "/v1/jobs?namespace=*&next_token=nonsense", "/v1/jobs/statuses?next_token=x"]) {
    const response = await world.api.inject({ method: "GET", url });
    assert.equal(response.statusCode, 400, url);
    assert.match(response.body, /next_token/);
  }
  await world.api.close();
});

test("Prefix, filter and namespace narrow a list before its pages are cut", async () => {
  const world = createWorld();
  world.state.evaluations = Array.from({ length: 20 }, (_, at) =>
    anEvaluation(`${at % 2 === 0 ? "a" : "b"}${at}`, {
      CreateIndex: at,
      Status: at < 10 ? "complete" : "pending",
      JobID: at % 4 === 0 ? "web" : "api",
    }),
  );
  assert.equal((await pages(world.api, "/v1/evaluations?per_page=3&prefix=a")).length, 10);
  assert.equal((await pages(world.api, `/v1/evaluations?per_page=3&filter=${encodeURIComponent("Status == pending")}`)).length, 10);
  assert.equal((await pages(world.api, "/v1/evaluations?per_page=3&job=web&status=pending")).length, 2);
  assert.equal((await pages(world.api, "/v1/evaluations?per_page=3&namespace=other")).length, 0);
  const conflict = await world.api.inject({ method: "GET", url: "/v1/evaluations?job=web&filter=Status==pending" });
  assert.equal(conflict.statusCode, 400);
  assert.equal(conflict.body, "Filter expression cannot be used with other filter parameters");
  await world.api.close();
});

test("A list of 20,000 allocations is written without holding the event loop (F60)", async () => {
  const world = createWorld();
  const job = aJob("web");
  world.state.allocations = Array.from({ length: 20_000 }, (_, at) =>
    anAllocation(String(at).padStart(8, "0"), job, { CreateIndex: at % 50 }),
  );
  // CPU time of this thread between two turns of the loop: what other programs take of the machine does not count.
  const cpuMs = () => (process.threadCpuUsage().user + process.threadCpuUsage().system) / 1000;
  let worst = 0;
  let last = cpuMs();
  let over = false;
  const tick = () => {
    const now = cpuMs();
    worst = Math.max(worst, now - last);
    last = now;
    if (!over) setImmediate(tick);
  };
  tick();
  const [opened] = await world.api.listen([{ host: "127.0.0.1", port: 0 }]);
  const response = await fetch(`http://127.0.0.1:${(opened as { port: number }).port}/v1/allocations`, {
    headers: { "accept-encoding": "identity" },
  });
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) bytes += chunk.length;
  over = true;
  assert.ok(bytes > 10_000_000, String(bytes));
  assert.ok(worst < 100, `the loop was held for ${Math.round(worst)} ms`);
  await world.api.close();
});
