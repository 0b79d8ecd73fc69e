import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ENDPOINTS, LATER_ENDPOINTS, LATER_METHODS } from "#api/contract";
import { createWorld, aJob, type World } from "./fake-world.ts";

let world: World;
before(() => {
  world = createWorld();
});
after(() => world.api.close());

const get = (url: string, headers: Record<string, string> = {}) => world.api.inject({ method: "GET", url, headers });

test("A read carries the index, the leader and the last contact, and ends with JSON", async () => {
  const response = await get("/v1/jobs");
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers["x-nomad-index"], "10");
  assert.equal(response.headers["x-nomad-knownleader"], "true");
  assert.equal(response.headers["x-nomad-lastcontact"], "0");
  assert.equal(response.headers["content-type"], "application/json");
  assert.equal(response.json<{ ID: string }[]>()[0]?.ID, "web");
});

test("An error is its status and the reason as plain text, with the code in a header", async () => {
  const response = await get("/v1/job/nope");
  assert.equal(response.statusCode, 404);
  assert.equal(response.headers["content-type"], "text/plain; charset=utf-8");
  assert.equal(response.body, "job not found");
  assert.equal(response.headers["x-drover-error-code"], "API_NOT_FOUND");
});

test("Every endpoint refuses the methods it does not list with 405 and Invalid method", async () => {
  for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
    const url = endpoint.path.replace(/:\w+/g, "x");
    const methods: readonly string[] = endpoint.methods;
    for (const [method, means] of [
      ["PATCH", ""],
      ["POST", "PUT"],
      ["DELETE", "DELETE"],
      ["GET", "GET"],
    ] as const) {
      if (methods.includes(means)) continue;
      const response = await world.api.inject({ method, url });
      assert.ok([405, 501].includes(response.statusCode), `${method} ${name}: ${response.statusCode} ${response.body}`);
      if (response.statusCode === 405) assert.equal(response.body, "Invalid method", name);
    }
  }
});

test("What Nomad has and this version has not says so with 501", async () => {
  for (const { path, methods, awaited } of [...LATER_ENDPOINTS, ...LATER_METHODS]) {
    for (const method of methods) {
      const response = await world.api.inject({ method, url: path.replace(/:\w+/g, "x").replace("*", "x"), payload: {} });
      assert.equal(response.statusCode, 501, path);
      if (awaited === "enterprise") assert.equal(response.body, "Nomad Enterprise only endpoint");
      else assert.match(response.body, /^(GET|PUT|DELETE) \/\S+ is not in this version of Drover yet(: \S.*)?$/);
    }
  }
});

test("A path no one knows is 404, a broken escape 400, both in plain text", async () => {
  assert.equal((await get("/v1/nothing")).statusCode, 404);
  assert.equal((await get("/")).statusCode, 404);
  for (const url of ["/v1/node/%zz", "/v1/job/%zz", "/v1/job/%c3%28"]) {
    const response = await get(url);
    assert.equal(response.statusCode, 400, url);
    assert.equal(response.headers["content-type"], "text/plain; charset=utf-8");
    assert.doesNotMatch(response.body, /^\{|\n\s+at /);
  }
});

test("PUT and POST mean the same", async () => {
  for (const method of ["PUT", "POST"] as const) {
    const response = await world.api.inject({ method, url: "/v1/jobs", payload: { Job: { ID: "x" } } });
    assert.equal(response.statusCode, 200, response.body);
    assert.equal(response.headers["x-nomad-index"], "11");
  }
});

test("HEAD answers as GET does, without a body", async () => {
  const whole = await get("/v1/jobs");
  const head = await world.api.inject({ method: "HEAD", url: "/v1/jobs" });
  assert.equal(head.statusCode, 200);
  assert.equal(head.body, "");
  assert.equal(head.headers["content-length"], whole.headers["content-length"]);
});

test("pretty is indented, gzip is packed when accepted, and both say the same", async () => {
  world.state.write(
    "jobs",
    () => (world.state.jobs = [...world.state.jobs, ...Array.from({ length: 40 }, (_, at) => aJob(`filler-${at}`))]),
  );
  const plain = (await get("/v1/jobs")).json();
  assert.match((await get("/v1/job/web?pretty")).body, /^\{\n {4}"ID": "web"/);
  assert.deepEqual((await get("/v1/jobs?pretty=TRUE")).json(), plain);
  for (let round = 0; round < 2; round++) {
    const packed = await get("/v1/jobs", { "accept-encoding": "gzip" });
    assert.equal(packed.headers["content-encoding"], "gzip");
    assert.deepEqual(JSON.parse(gunzipSync(packed.rawPayload).toString()), plain);
  }
});

test("Booleans, numbers and durations in the query are read strictly", async () => {
  for (const value of ["true", "True", "TRUE", "t", "1"]) assert.equal((await get(`/v1/jobs?pretty=${value}`)).statusCode, 200);
  for (const query of [
    "pretty=yes",
    "stale=maybe",
    "index=-1",
    "index=abc",
    "index=1&wait=abc",
    "per_page=x",
    "per_page=1e3",
    "index=99999999999999999999",
  ]) {
    assert.equal((await get(`/v1/jobs?${query}`)).statusCode, 400, query);
  }
});

test("Unix nanoseconds are written as plain integers", async () => {
  const { body } = await get("/v1/job/web");
  assert.match(body, /"SubmitTime":179000000012345\d{4}[,}]/);
});

test("A job's id may hold slashes, plain or encoded, and is decoded once", async () => {
  world.state.write("jobs", () => (world.state.jobs = [...world.state.jobs, aJob("a/b"), aJob("a/summary"), aJob("50%25"), aJob("üx")]));
  const idAt = async (url: string) => (await get(url)).json<{ ID?: string; JobID?: string }>().ID;
  assert.equal(await idAt("/v1/job/a/b"), "a/b");
  assert.equal(await idAt("/v1/job/a%2Fb"), "a/b");
  assert.equal(await idAt("/v1/job/a%2Fsummary"), "a/summary");
  assert.equal(await idAt("/v1/job/50%2525"), "50%25");
  assert.equal(await idAt("/v1/job/%C3%BCx"), "üx");
  assert.equal((await get("/v1/job/a/b/allocations")).body, "[]");
  assert.equal((await get("/v1/job/a%2Fb/allocations")).body, "[]");
  assert.equal((await get("/v1/job/")).statusCode, 400);
});

test("A node's path is decoded once too", async () => {
  const response = await get("/v1/namespace/%2564efault");
  assert.equal(response.statusCode, 404);
  assert.equal((await get("/v1/namespace/%64efault")).statusCode, 200);
});

test("Pages of other sites cannot change anything, nor reach a loopback agent by a name of their own", async () => {
  const put = (headers: Record<string, string>) =>
    world.api.inject({ method: "PUT", url: "/v1/system/gc", headers: { host: "127.0.0.1:4646", ...headers } });
  assert.equal((await put({})).statusCode, 200);
  assert.equal((await put({ origin: "http://127.0.0.1:4646" })).statusCode, 200);
  assert.equal((await put({ origin: "http://evil.example" })).statusCode, 403);
  assert.equal((await put({ origin: "null" })).statusCode, 403);
  assert.equal((await put({ "sec-fetch-site": "cross-site" })).statusCode, 403);
  assert.equal((await get("/v1/jobs", { host: "evil.example:4646" })).statusCode, 403);
  assert.equal((await get("/v1/client/gc", { host: "localhost", "sec-fetch-site": "cross-site" })).statusCode, 403);
  for (const host of ["localhost:4646", "127.0.0.1", "[::1]:4646", "drover.localhost"])
    assert.equal((await get("/v1/jobs", { host })).statusCode, 200, host);
});

test("Only client reads answer other origins", async () => {
  assert.equal((await get("/v1/client/fs/ls/a1")).headers["access-control-allow-origin"], "*");
  assert.equal((await get("/v1/jobs")).headers["access-control-allow-origin"], undefined);
  const preflight = await world.api.inject({ method: "OPTIONS", url: "/v1/client/fs/ls/a1" });
  assert.equal(preflight.headers["access-control-allow-methods"], "HEAD, GET");
  assert.equal((await world.api.inject({ method: "OPTIONS", url: "/v1/jobs" })).statusCode, 405);
});

test("A page of another origin asks first, is let in, and reads why it was refused; only for reads of clients", async () => {
  const from = { host: "127.0.0.1:4646", origin: "http://ui.example", "sec-fetch-site": "cross-site" };
  const asks = (url: string) => world.api.inject({ method: "OPTIONS", url, headers: { ...from, "access-control-request-method": "GET" } });
  const first = await asks("/v1/client/fs/ls/a1");
  assert.deepEqual([first.statusCode, first.headers["access-control-allow-origin"]], [204, "*"]);
  assert.match(String(first.headers["access-control-allow-headers"]), /\*.*X-Nomad-Token/);
  assert.equal((await asks("/v1/jobs")).statusCode, 403);
  assert.equal((await asks("/v1/client/allocation/a1/restart")).statusCode, 403);
  const refused = await get("/v1/client/fs/ls/unknown", from);
  assert.deepEqual([refused.statusCode, refused.headers["access-control-allow-origin"]], [404, "*"]);
  const elsewhere = await world.api.inject({ method: "OPTIONS", url: "/v1/client/fs/ls/a1", headers: { ...from, host: "evil.example" } });
  assert.deepEqual([elsewhere.statusCode, elsewhere.headers["access-control-allow-origin"]], [403, undefined]);
});

test("An answer is packed only for those who take it", async () => {
  for (const [accepted, packed] of [
    ["gzip", true],
    ["deflate, GZIP;q=0.5", true],
    ["x-gzip", true],
    ["br", false],
    ["gzip;q=0", false],
    ["gzip; q=0.000, br", false],
    ["notgzip", false],
  ] as const) {
    const { headers } = await get("/v1/job/web", { "accept-encoding": accepted });
    assert.equal(headers["content-encoding"], packed ? "gzip" : undefined, accepted);
  }
});

test("What is missing is missing as of an index, so that it can be waited for", async () => {
  for (const [url, list] of [
    ["/v1/job/nope", "/v1/jobs"],
    ["/v1/allocation/nope", "/v1/allocations"],
    ["/v1/namespace/nope", "/v1/namespaces"],
  ] as const) {
    const index = (await get(list)).headers["x-nomad-index"];
    const { statusCode, headers } = await get(url);
    assert.deepEqual([statusCode, headers["x-nomad-index"], headers["x-drover-error-code"]], [404, index, "API_NOT_FOUND"], url);
  }
});

test("A fault inside is a 500 that gives nothing away, and the agent hears of it", async () => {
  const broken = createWorld({ agent: undefined as never });
  const response = await broken.api.inject({ method: "GET", url: "/v1/agent/self" });
  assert.equal(response.statusCode, 500);
  assert.equal(response.body, "Internal error: the agent's log has the details");
  assert.equal(broken.faults.length, 1);
  await broken.api.close();
});

test("An agent without a server says which endpoints need one", async () => {
  const clientOnly = createWorld({ server: null, cluster: null });
  for (const url of ["/v1/jobs", "/v1/node/x", "/v1/status/leader", "/v1/event/stream"]) {
    const response = await clientOnly.api.inject({ method: "GET", url });
    assert.equal(response.statusCode, 501, url);
    assert.equal(response.body, "Server only endpoint");
  }
  assert.equal((await clientOnly.api.inject({ method: "GET", url: "/v1/agent/self" })).statusCode, 200);
  await clientOnly.api.close();
});

test("Another region is not reachable from here, but an agent still tells of itself", async () => {
  for (const url of ["/v1/jobs?region=global", "/v1/agent/self?region=mars", "/v1/regions?region=mars"]) {
    assert.equal((await get(url)).statusCode, 200, url);
  }
  for (const url of ["/v1/jobs?region=mars", "/v1/status/leader?region=mars", "/v1/status/peers?region=mars"]) {
    const response = await get(url);
    assert.deepEqual([response.statusCode, response.body], [500, "No path to region"], url);
  }
});
