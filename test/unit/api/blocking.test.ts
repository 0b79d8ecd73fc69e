import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { aJob, createWorld, type World } from "./fake-world.ts";

let world: World;
const worlds: World[] = [];
beforeEach(() => {
  world = createWorld();
  worlds.push(world);
});
after(() => Promise.all(worlds.map((one) => one.api.close())));

const get = (url: string) => world.api.inject({ method: "GET", url });

test("A query behind the state is answered at once", async () => {
  const response = await get("/v1/jobs?index=9&wait=60s");
  assert.equal(response.headers["x-nomad-index"], "10");
});

test("A query at the state's index waits for the change and carries it", async () => {
  const pending = get("/v1/jobs?index=10&wait=60s");
  const index = world.state.write("jobs", () => (world.state.jobs = [...world.state.jobs, aJob("later")]));
  const response = await pending;
  assert.equal(response.headers["x-nomad-index"], String(index));
  assert.deepEqual(
    response.json<{ ID: string }[]>().map((job) => job.ID),
    ["later", "web"],
  );
});

test("A change between the read and the wait is not lost (F2)", async () => {
  let index = 0;
  world.state.beforeWait = () => {
    world.state.beforeWait = undefined;
    index = world.state.write("jobs", () => undefined);
  };
  const response = await get("/v1/jobs?index=10&wait=60s");
  assert.equal(response.headers["x-nomad-index"], String(index));
});

test("Changes of other tables do not end the wait", async () => {
  const pending = get("/v1/nodes?index=10&wait=60s");
  world.state.write("jobs", () => undefined);
  world.state.write("evaluations", () => undefined);
  const index = world.state.write("nodes", () => undefined);
  assert.equal((await pending).headers["x-nomad-index"], String(index));
});

test("One object's query waits for that object, not for its table", async () => {
  const before = (await get("/v1/job/web")).headers["x-nomad-index"];
  assert.equal(before, "7");
  const pending = get("/v1/job/web?index=7&wait=60s");
  world.state.write("jobs", () => (world.state.jobs = [...world.state.jobs, aJob("other", { ModifyIndex: 11 })]));
  world.state.write("jobs", () => (world.state.jobs = [aJob("web", { ModifyIndex: 12, Priority: 99 })]));
  const response = await pending;
  assert.equal(response.headers["x-nomad-index"], "12");
  assert.equal(response.json<{ Priority: number }>().Priority, 99);
});

test("When the time is over the answer is what there is, and its index is never 0 (F3)", async () => {
  for (const url of ["/v1/jobs", "/v1/job/nope", "/v1/allocation/nope", "/v1/namespaces", "/v1/operator/scheduler/configuration"]) {
    const response = await get(`${url}?index=100&wait=20ms`);
    assert.ok([200, 404].includes(response.statusCode), url);
    if (response.statusCode === 200) assert.ok(Number(response.headers["x-nomad-index"]) >= 1, url);
  }
});

test("A missing object can be waited for", async () => {
  const pending = get("/v1/job/soon?index=10&wait=60s");
  world.state.write("jobs", () => (world.state.jobs = [...world.state.jobs, aJob("soon", { ModifyIndex: 11 })]));
  assert.equal((await pending).json<{ ID: string }>().ID, "soon");
});

test("What a list would refuse is refused at once, not after the wait", async () => {
  let waited = false;
  world.state.beforeWait = () => (waited = true);
  for (const query of ["filter=ID", "per_page=x", "filter=ID+matches+%22(%22"]) {
    const response = await get(`/v1/jobs?index=10&wait=10ms&${query}`);
    assert.equal(response.statusCode, 400, query);
  }
  assert.equal(waited, false);
});

test("Many who wait all see one change", async () => {
  const pending = Array.from({ length: 50 }, () => get("/v1/allocations?index=10&wait=60s"));
  const index = world.state.write("allocations", () => undefined);
  for (const response of await Promise.all(pending)) assert.equal(response.headers["x-nomad-index"], String(index));
});

test("Closing the API ends those who wait", async () => {
  const waits = new Promise<void>((resolve) => (world.state.beforeWait = resolve));
  const pending = get("/v1/jobs?index=10&wait=60s");
  await waits;
  await world.api.close();
  assert.equal((await pending).statusCode, 200);
});
