/** What Consul says beside the value: by what index to wait, whether it knows what it says, whether it says all; and what of that is believed. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { consulConnection, consulThings, type ConsulThings, type ConsulThingsOptions } from "#integrations/consul";
import type { Reading, Thing } from "#ports";

interface Says {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | undefined;
}

/** Something at Consul's place that answers as told, and what it was asked. */
async function stand(t: TestContext, says: (asked: Asked) => Says | undefined, options: Partial<ConsulThingsOptions> = {}) {
  const asked: Asked[] = [];
  const open: ServerResponse[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    const one = { path: url.pathname, query: url.searchParams, token: request.headers["x-consul-token"] as string | undefined };
    asked.push(one);
    const { status = 200, headers = {}, body = null } = says(one) ?? { status: 0 };
    if (status === 0) return void open.push(response);
    response.writeHead(status, { "x-consul-index": "7", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connection = consulConnection({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: "the-agents-own",
    auth: "",
    tls: { caFile: "", certFile: "", keyFile: "", verify: true },
    timeoutMs: 2000,
  });
  t.after(() => {
    connection.close();
    server.closeAllConnections();
    server.close();
  });
  const source = consulThings({ connection, waitMs: 8_000, random: () => 0.5, ...options });
  return { source, asked, open };
}

const thing = (kind: string, name = "", options: Record<string, string> = {}): Thing => ({ system: "consul", kind, name, options });
const look = (source: ConsulThings, what: Thing, after = "", token = "the-tasks"): Promise<Reading> =>
  source.read(what, { token, after, signal: AbortSignal.timeout(30_000) });
const key = (text: string) => [{ Key: "a", Value: Buffer.from(text).toString("base64") }];

test("the first look is answered at once, the next waits by the index that came with it, whichever it is", async (t) => {
  let index = "41";
  const { source, asked } = await stand(t, () => ({ body: key("x"), headers: { "x-consul-index": index } }));
  const first = await look(source, thing("key", "a", { dc: "dc2", colour: "red" }));
  index = "3";
  const back = await look(source, thing("key", "a"), first.index);
  index = "0";
  const zero = await look(source, thing("key", "a"), back.index);
  await look(source, thing("key", "a"), zero.index);
  assert.deepEqual(
    asked.map(({ query }) => [query.get("index"), query.get("wait"), query.has("stale")]),
    [
      [null, null, true],
      ["41", "8000ms", true],
      ["3", "8000ms", true],
      ["1", "8000ms", true],
    ],
  );
  assert.deepEqual([asked[0]?.query.get("dc"), asked[0]?.query.has("colour"), asked[0]?.token], ["dc2", false, "the-tasks"]);
});

test("after a failure nobody waits by an index from before it, whatever failed; too many requests are no such failure", async (t) => {
  let status = 200;
  const { source, asked } = await stand(t, () => ({ status, body: status === 200 ? key("x") : "no" }));
  const { index } = await look(source, thing("key", "a"));
  status = 429;
  await assert.rejects(look(source, thing("key", "other")), { code: "THING_UNREACHABLE" });
  status = 200;
  await look(source, thing("key", "a"), index);
  assert.equal(asked.at(-1)?.query.get("index"), "7");
  status = 500;
  await assert.rejects(look(source, thing("key", "other")), { code: "THING_UNREACHABLE" });
  status = 200;
  const anew = await look(source, thing("key", "a"), index);
  assert.equal(asked.at(-1)?.query.get("index"), null);
  await look(source, thing("key", "a"), anew.index);
  assert.equal(asked.at(-1)?.query.get("index"), "7");
});

test("one without a leader is not believed that something is gone, or that it is as it was long ago", async (t) => {
  let says: Says = { body: key("x"), headers: { "x-consul-index": "41" } };
  const { source } = await stand(t, () => says);
  const { index } = await look(source, thing("key", "a"));
  const leaderless = { "x-consul-knownleader": "false" };
  for (const wrong of [
    { status: 404, body: "", headers: leaderless },
    { body: [], headers: leaderless },
    { body: key("old"), headers: { ...leaderless, "x-consul-index": "40" } },
    { body: key("old"), headers: { ...leaderless, "x-consul-index": "0" } },
  ]) {
    says = wrong;
    const what = Array.isArray(wrong.body) && wrong.body.length === 0 ? thing("services") : thing("key", "a");
    await assert.rejects(look(source, what, index), { code: "THING_UNREACHABLE", message: /No cluster leader/ });
  }
  says = { body: key("old"), headers: { ...leaderless, "x-consul-index": "0" } };
  await assert.rejects(look(source, thing("key", "a")), { code: "THING_UNREACHABLE" }, "it has not heard of anything yet");
  const anew = { body: key("x"), headers: { "x-consul-index": "41" } };
  says = anew;
  await look(source, thing("key", "a"));
  says = { body: key("new"), headers: { ...leaderless, "x-consul-index": "41" } };
  assert.equal((await look(source, thing("key", "a"), index)).value, "new", "what it has is not gone");
});

test("nothing where entries were left out is a denial, and no empty list; something is what the token may see", async (t) => {
  let body: unknown = [];
  const { source } = await stand(t, () => ({ body, headers: { "x-consul-results-filtered-by-acls": "true" } }));
  await assert.rejects(look(source, thing("nodes")), { code: "THING_DENIED", fix: /node_prefix "" \{ policy = "read" \}/ });
  body = [{ Node: "n", ID: "1" }];
  assert.equal(((await look(source, thing("nodes"))).value as unknown[]).length, 1);
});

test("who follows its leader from too far behind is asked again, not to be stale, and then believed", async (t) => {
  const { source, asked } = await stand(
    t,
    ({ query }) => ({
      body: key(query.has("stale") ? "old" : "new"),
      headers: { "x-consul-lastcontact": query.has("stale") ? "1001" : "0" },
    }),
    { maxStaleMs: 1000 },
  );
  assert.equal((await look(source, thing("key", "a"))).value, "new");
  assert.deepEqual([asked.length, source.requests().sent], [2, 2]);
  const near = await stand(t, () => ({ body: key("x"), headers: { "x-consul-lastcontact": "1000" } }), { maxStaleMs: 1000 });
  await look(near.source, thing("key", "a"));
  assert.equal(near.asked.length, 1);
  // Its own agent answers for these: no such thing as stale.
  await look(source, thing("leaf", "web"));
  assert.deepEqual([asked.length, asked.at(-1)?.query.has("stale")], [3, false]);
});

test("the node beside us is asked for by the agent once; where that may not know, no token of a task's is blamed", async (t) => {
  let status = 403;
  const { source, asked } = await stand(t, ({ path }) =>
    path === "/v1/agent/self"
      ? { status, body: status === 200 ? { Config: { NodeName: "here" } } : "Permission denied: lacks agent:read" }
      : { body: { Node: { Node: "here" }, Services: null } },
  );
  await assert.rejects(look(source, thing("node")), {
    code: "THING_DENIED",
    message: /this node/,
    fix: /consul \{ token \}.*agent_prefix "" \{ policy = "read" \}/,
  });
  status = 200;
  for (let count = 0; count < 2; count++)
    assert.partialDeepStrictEqual((await look(source, thing("node"))).value, { Node: { Node: "here" }, Services: [] });
  assert.deepEqual(
    asked.map(({ path, token }) => [path, token]),
    [
      ["/v1/agent/self", "the-agents-own"],
      ["/v1/agent/self", "the-agents-own"],
      ["/v1/catalog/node/here", "the-tasks"],
      ["/v1/catalog/node/here", "the-tasks"],
    ],
  );
});

test("a 404 without an index is no answer of Consul's, nor is what is no JSON", async (t) => {
  const { source } = await stand(t, ({ path }) =>
    path.endsWith("page") ? { body: "<html>" } : { status: 404, body: "nobody", headers: { "x-consul-index": "0" } },
  );
  assert.equal((await look(source, thing("key", "a"))).value, undefined);
  await assert.rejects(look(source, thing("key", "page")), { code: "THING_UNREACHABLE", message: /is not Consul/ });
  const wrong = createServer((_, response) => void response.writeHead(404).end("page not found"));
  await new Promise<void>((resolve) => wrong.listen(0, "127.0.0.1", resolve));
  t.after(() => void wrong.close());
  const connection = consulConnection({
    address: `127.0.0.1:${(wrong.address() as AddressInfo).port}`,
    token: "",
    auth: "",
    tls: { caFile: "", certFile: "", keyFile: "", verify: true },
    timeoutMs: 2000,
  });
  t.after(() => connection.close());
  await assert.rejects(look(consulThings({ connection }), thing("key", "a")), { code: "THING_INVALID", message: /page not found/ });
});

test("an answer that does not come ends: at its time, or when nobody wants it any more; the place it took is free again", async (t) => {
  let silent = false;
  const { source } = await stand(t, () => (silent ? undefined : { body: key("x") }), { waitMs: 160 });
  const { index } = await look(source, thing("key", "a"));
  silent = true;
  const control = new AbortController();
  const waiting = source.read(thing("key", "a"), { token: "", after: index, signal: control.signal });
  assert.equal(source.requests().waiting, 1);
  control.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  assert.equal(source.requests().waiting, 0);
  const startedAt = performance.now();
  await assert.rejects(look(source, thing("key", "a"), index), { code: "THING_UNREACHABLE", message: /2170 ms/ });
  assert.ok(performance.now() - startedAt >= 2_100, "the time it may wait is added to the time it may take");
  assert.equal(source.requests().waiting, 0);
});

test("those who ask for a service say who is well, by tag and by status; the worst of the checks counts", async (t) => {
  const entry = (ID: string, ...checks: readonly (readonly [string, string])[]) => ({
    Node: { Node: ID === "b" ? "n1" : "n2", Address: "10.0.0.9" },
    Service: { ID, Service: "web", Port: 1, Tags: null },
    Checks: checks.map(([CheckID, Status]) => ({ CheckID, Status })),
  });
  const body = [
    entry("d", ["x", "passing"], ["_node_maintenance", "critical"]),
    entry("c", ["x", "warning"], ["y", "critical"]),
    entry("a"),
    entry("b", ["x", "passing"]),
    entry("e", ["x", "warning"], ["y", "passing"]),
  ];
  const { source, asked } = await stand(t, () => ({ body }));
  const ids = async (options: Record<string, string> = {}) =>
    ((await look(source, thing("service", "web", options))).value as { ID: string }[]).map(({ ID }) => ID).join("");
  assert.equal(await ids(), "ba");
  assert.equal(await ids({ near: "_agent" }), "ab", "nearest first is Consul's order");
  assert.equal(await ids({ status: "any" }), "bacde");
  assert.equal(await ids({ status: " critical , maintenance" }), "cd");
  assert.equal(await ids({ status: "warning", tag: "x", connect: "true" }), "e");
  assert.deepEqual(
    asked.map(({ path, query }) => [path, query.get("passing"), query.get("tag"), query.get("near")]),
    [
      ["/v1/health/service/web", "1", null, null],
      ["/v1/health/service/web", "1", null, "_agent"],
      ["/v1/health/service/web", null, null, null],
      ["/v1/health/service/web", null, null, null],
      ["/v1/health/connect/web", null, "x", null],
    ],
  );
});

test("those who fail together are one failure: what was learnt since the first of them is kept", async (t) => {
  const { source, asked, open } = await stand(t, ({ path }) => (path.endsWith("slow") ? undefined : { body: key("x") }));
  const both = [1, 2].map(() => look(source, thing("key", "slow")));
  while (open.length < 2) await new Promise((resolve) => setImmediate(resolve));
  open[0]?.writeHead(500).end("no");
  const [first] = both;
  await Promise.race(both.map((each) => each.catch(() => undefined)));
  const { index } = await look(source, thing("key", "a"));
  open[1]?.writeHead(500).end("no");
  await assert.rejects(Promise.all([first, both[1]]));
  await Promise.allSettled(both);
  await look(source, thing("key", "a"), index);
  assert.equal(asked.at(-1)?.query.get("index"), "7");
});

test("so many may wait and no more; who finds no place looks, and again in a while", async (t) => {
  const { source, asked } = await stand(t, ({ query }) => (query.has("index") ? undefined : { body: key("x") }), { waitingMax: 1 });
  const { index } = await look(source, thing("key", "a"));
  const control = new AbortController();
  const waiting = source.read(thing("key", "a"), { token: "", after: index, signal: control.signal });
  const over = await look(source, thing("key", "b"), index);
  assert.deepEqual([over.value, over.againMs, source.requests().waiting], ["x", 5_000, 1]);
  assert.equal(asked.filter(({ query }) => query.has("index")).length <= 1, true);
  control.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
});

test("a request that is over leaves nothing behind: no listener, no timer", async (t) => {
  const { source } = await stand(t, () => ({ body: key("x") }));
  const control = new AbortController();
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const read = (after: string) => source.read(thing("key", "a"), { token: "", after, signal: control.signal });
  const { index } = await read("");
  const before = timers();
  for (let count = 0; count < 20; count++) await read(index);
  assert.equal(getEventListeners(control.signal, "abort").length, 0);
  assert.ok(timers() - before < 10, `${timers() - before} timers`);
});

test("names lead where they say: keys by their parts, services by one; of keys the part below the prefix is told, of peerings no token", async (t) => {
  const { source, asked } = await stand(t, ({ path }) =>
    path === "/v1/peerings"
      ? { body: [{ Name: "b", PeeringToken: "hidden" }, { Name: "a" }] }
      : {
          body: [
            { Key: "app/x/y", Value: null },
            { Key: "app", Value: "" },
            { Key: "application", Value: "eA==" },
          ],
        },
  );
  for (const name of ["a/./b", "./a", ".", "a/..", "a\0b", ""])
    await assert.rejects(look(source, thing("key", name)), { code: "THING_INVALID" }, name);
  for (const kind of ["service", "node", "leaf"]) await assert.rejects(look(source, thing(kind, "a/b")), { code: "THING_INVALID" }, kind);
  assert.equal(asked.length, 0);
  const { value } = await look(source, thing("keys", "app"));
  assert.deepEqual(
    (value as { Key: string; Value: string }[]).map((each) => [each.Key, each.Value]),
    [
      ["x/y", ""],
      ["", ""],
      ["lication", "x"],
    ],
  );
  assert.deepEqual([asked[0]?.path, asked[0]?.query.get("recurse")], ["/v1/kv/app", "true"]);
  await look(source, thing("key", "a b/ü%2e?#"));
  assert.equal(asked.at(-1)?.path, "/v1/kv/a%20b/%C3%BC%252e%3F%23");
  assert.deepEqual((await look(source, thing("peerings"))).value, [{ Name: "a" }, { Name: "b" }]);
});
