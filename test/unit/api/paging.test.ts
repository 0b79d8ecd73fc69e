import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as fc from "fast-check";
import { testScale } from "../../scale.ts";
import { aJob, anAllocation, anEvaluation, createWorld, type World } from "./fake-world.ts";

let world: World;
before(() => {
  world = createWorld();
});
after(() => world.api.close());

/** Every page of a list, with a write between two pages where one is given. */
async function pages(url: string, between?: () => void): Promise<string[]> {
  const ids: string[] = [];
  let token = "";
  for (let count = 0; count < 1000; count++) {
    const response = await world.api.inject({
      method: "GET",
      url: `${url}${token === "" ? "" : `&next_token=${encodeURIComponent(token)}`}`,
    });
    assert.equal(response.statusCode, 200, response.body);
    ids.push(...response.json<{ ID: string }[]>().map((one) => one.ID));
    token = String(response.headers["x-nomad-nexttoken"] ?? "");
    if (token === "") return ids;
    between?.();
  }
  throw new Error("pages without end");
}

const LISTS = {
  jobs: (id: string, createIndex: number) => {
    world.state.write("jobs", () => (world.state.jobs = [...world.state.jobs, aJob(id, { CreateIndex: createIndex })]));
  },
  allocations: (id: string, createIndex: number) => {
    world.state.allocations = [...world.state.allocations, anAllocation(id, aJob("web"), { CreateIndex: createIndex })];
  },
  evaluations: (id: string, createIndex: number) => {
    world.state.evaluations = [...world.state.evaluations, anEvaluation(id, { CreateIndex: createIndex })];
  },
};

for (const [list, add] of Object.entries(LISTS)) {
  for (const reverse of [false, true]) {
    test(`Pages of ${list}${reverse ? " in reverse" : ""} are the set, each once, whatever is written between them`, async () => {
      const ids = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,4}$/), { minLength: 1, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(
          ids,
          fc.integer({ min: 1, max: 7 }),
          fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 5 }),
          async (all, perPage, indexes) => {
            world.state.write("jobs", () => (world.state.jobs = []));
            world.state.allocations = [];
            world.state.evaluations = [];
            // Few create indexes for many items: pages must not repeat or drop those that share one (F27).
            for (const [at, id] of all.entries()) add(id, indexes[at % Math.max(1, indexes.length)] ?? 1);
            let extra = 0;
            const write = () => add(`zz-${extra++}`, 2);
            const seen = await pages(
              `/v1/${list}?per_page=${perPage}&reverse=${reverse}`,
              extra < 5 ? () => extra < 5 && write() : undefined,
            );
            assert.equal(new Set(seen).size, seen.length, "nothing twice");
            assert.deepEqual(seen.filter((id) => !id.startsWith("zz-")).sort(), all.toSorted(), "nothing lost");
          },
        ),
        { numRuns: 15 * testScale() },
      );
    });
  }
}

test("Pages of jobs in all namespaces keep names with dots apart", async () => {
  const jobs = ["a.b", "a", "b.c"].flatMap((id) => [aJob(id), aJob(id, { Namespace: "other" })]);
  world.state.write("jobs", () => (world.state.jobs = jobs));
  assert.equal((await pages("/v1/jobs?namespace=*&per_page=1")).length, 6);
  assert.equal((await pages("/v1/jobs?namespace=other&per_page=2")).length, 3);
});

test("A token of no list is refused", async () => {
  const response = await world.api.inject({ method: "GET", url: "/v1/allocations?next_token=nonsense" });
  assert.equal(response.statusCode, 400);
  assert.match(response.body, /next_token/);
});

test("Prefix, filter and namespace narrow a list before its pages are cut", async () => {
  world.state.evaluations = Array.from({ length: 20 }, (_, at) =>
    anEvaluation(`${at % 2 === 0 ? "a" : "b"}${at}`, {
      CreateIndex: at,
      Status: at < 10 ? "complete" : "pending",
      JobID: at % 4 === 0 ? "web" : "api",
    }),
  );
  assert.equal((await pages("/v1/evaluations?per_page=3&prefix=a")).length, 10);
  assert.equal((await pages(`/v1/evaluations?per_page=3&filter=${encodeURIComponent("Status == pending")}`)).length, 10);
  assert.equal((await pages("/v1/evaluations?per_page=3&job=web&status=pending")).length, 2);
  assert.equal((await pages("/v1/evaluations?per_page=3&namespace=other")).length, 0);
  const conflict = await world.api.inject({ method: "GET", url: "/v1/evaluations?job=web&filter=Status==pending" });
  assert.equal(conflict.statusCode, 400);
  assert.equal(conflict.body, "Filter expression cannot be used with other filter parameters");
});

test("A list of 20,000 allocations is written without holding the event loop (F60)", async () => {
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
});
