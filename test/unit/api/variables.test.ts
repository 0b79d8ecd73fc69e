/** Variables by the API over a real server: who finds them, who is told nothing, and what a task reads by the socket in its secrets. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createApi, type AgentFacts, type Api } from "#api/server";
import { memoryKeyEncryption } from "#integrations/memory";
import { eventually } from "../../eventually.ts";
import { jobOf, nodeOf } from "../../simulation/fixtures.ts";
import type { World } from "../../simulation/world.ts";
import { inside } from "../server/inside.ts";
import { CLOCK } from "./fake-world.ts";

const END = { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as never };
const LOCAL = { host: "127.0.0.1:4646" };

interface Cast {
  readonly world: World;
  readonly api: Api;
  ask(
    method: string,
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; json: never; text: string }>;
  /** The identity of task "task" of job "web", which runs. */
  readonly identity: string;
}

async function playing(play: (cast: Cast) => Promise<void>): Promise<void> {
  await inside({ server: { keyEncryption: memoryKeyEncryption(), keyring: { algorithm: "EdDSA" } } }, async (world) => {
    const { cluster, server } = world;
    await eventually("a key is active", () => cluster.state.snapshot().activeRootKey());
    const node = nodeOf(world.random, { name: "n1" });
    const connection = await world.link.connect(node, END, () => undefined);
    await connection.register(node);
    await server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    const [allocation] = [...cluster.state.snapshot().allocationsByNode(node.ID)];
    assert.ok(allocation !== undefined);
    const [signed] = await connection.signIdentities([
      { AllocationID: allocation.ID, Workload: { Kind: "task", Task: "task" }, Identity: "default" },
    ]);
    assert.ok(signed !== undefined && "JWT" in signed);
    const agent = { member: () => ({ Tags: {} }) } as unknown as AgentFacts;
    const api = createApi({
      server,
      cluster,
      localNode: null,
      agent,
      clock: CLOCK,
      random: world.random,
      region: "global",
      datacenter: "dc1",
    });
    const ask: Cast["ask"] = async (method, url, body, headers = {}) => {
      const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
      const answer = await api.inject({ method: method as "GET", url, headers: { ...LOCAL, ...headers }, ...payload });
      const json = (answer.statusCode === 200 ? JSON.parse(answer.body) : undefined) as never;
      return { status: answer.statusCode, json, text: answer.body };
    };
    try {
      await play({ world, api, ask, identity: signed.JWT });
    } finally {
      await api.close();
    }
  });
}

interface Found {
  readonly Matches: { readonly vars?: readonly (string | { readonly ID: string; readonly Scope: readonly string[] })[] };
}

test("variables are found by the beginning of their path or a part of it, by who may list them, and nothing of what they hold is told", () =>
  playing(async ({ ask, identity }) => {
    for (const path of ["app/config", "nomad/jobs/web", "nomad/jobs/other"])
      assert.equal((await ask("PUT", `/v1/var/${path}`, { Items: { hidden: "5ecret-value" } })).status, 200);
    const search = async (body: object, headers?: Record<string, string>, url = "/v1/search"): Promise<Found["Matches"]> => {
      const { status, json, text } = await ask("PUT", url, body, headers);
      assert.equal(status, 200, text);
      assert.ok(!text.includes("5ecret") && !text.includes("hidden"));
      return (json as Found).Matches;
    };
    const own = { "x-nomad-token": identity };
    assert.deepEqual((await search({ Prefix: "app", Context: "vars" })).vars, ["app/config"]);
    assert.deepEqual((await search({ Prefix: "nomad/", Context: "all" })).vars, ["nomad/jobs/other", "nomad/jobs/web"]);
    assert.deepEqual((await search({ Prefix: "nomad/", Context: "all" }, own)).vars, ["nomad/jobs/web"]);
    assert.deepEqual((await search({ Prefix: "app", Context: "vars", Namespace: "other" })).vars, []);
    const fuzzy = (headers?: Record<string, string>) => search({ Text: "jobs/", Context: "vars" }, headers, "/v1/search/fuzzy");
    assert.deepEqual((await fuzzy()).vars, [
      { ID: "nomad/jobs/web", Scope: ["default"] },
      { ID: "nomad/jobs/other", Scope: ["default"] },
    ]);
    assert.deepEqual((await fuzzy(own)).vars, [{ ID: "nomad/jobs/web", Scope: ["default"] }]);
    const foreign = { "x-nomad-token": `${identity.slice(0, -8)}AAAAAAAA` };
    for (const url of ["/v1/search", "/v1/search/fuzzy"]) {
      assert.equal((await ask("PUT", url, { Prefix: "app", Text: "app", Context: "vars" }, foreign)).status, 403);
      assert.equal((await ask("PUT", url, { Prefix: "we", Text: "we", Context: "jobs" }, foreign)).status, 200);
    }
  }));

test("a page of another origin reads no variable and changes none: nobody proves who they are here yet", () =>
  playing(async ({ api, ask }) => {
    assert.equal((await ask("PUT", "/v1/var/app", { Items: { a: "b" } })).status, 200);
    const page = { ...LOCAL, origin: "http://evil.example", "sec-fetch-site": "cross-site" };
    const from = (method: "GET" | "PUT" | "DELETE" | "OPTIONS", more: Record<string, string> = {}) =>
      api.inject({
        method,
        url: "/v1/var/app",
        headers: { ...page, ...more },
        ...(method === "PUT" ? { payload: '{"Items":{"a":"c"}}' } : {}),
      });
    assert.equal((await from("GET")).headers["access-control-allow-origin"], undefined);
    for (const asked of ["GET", "PUT", "DELETE"]) {
      const first = await from("OPTIONS", { "access-control-request-method": asked });
      assert.deepEqual([first.statusCode, first.headers["access-control-allow-origin"]], [403, undefined], asked);
    }
    assert.equal((await from("PUT")).statusCode, 403);
    assert.equal((await from("DELETE")).statusCode, 403);
    assert.deepEqual(((await ask("GET", "/v1/var/app")).json as { Items: object }).Items, { a: "b" });
  }));

test("by the socket in its secrets a task reads its own job's variables and changes its own paths, and no other's", () =>
  playing(async ({ api, ask, identity }) => {
    const directory = mkdtempSync(join(tmpdir(), "drover-variables-socket-"));
    try {
      await api.listen([{ host: "127.0.0.1", port: 0 }]);
      mkdirSync(join(directory, "secrets"));
      const socketPath = join(directory, "secrets", "api.sock");
      await api.taskSockets.open(socketPath);
      for (const path of ["nomad/jobs/web", "nomad/jobs/other"])
        assert.equal((await ask("PUT", `/v1/var/${path}`, { Items: { value: path } })).status, 200);
      const through = (method: string, path: string, token: string, body = "") =>
        new Promise<{ status: number; text: string }>((resolve, reject) => {
          const headers = { host: "localhost", authorization: `Bearer ${token}` };
          const asked = http.request({ socketPath, path, method, headers, agent: false }, (response) => {
            let text = "";
            response.on("data", (data: Buffer) => (text += data.toString()));
            response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
          });
          asked.on("error", reject);
          asked.end(body);
        });
      const read = await through("GET", "/v1/var/nomad/jobs/web", identity);
      assert.equal(read.status, 200, read.text);
      assert.deepEqual((JSON.parse(read.text) as { Items: object }).Items, { value: "nomad/jobs/web" });
      const denied = await through("GET", "/v1/var/nomad/jobs/other", identity);
      assert.deepEqual([denied.status, denied.text.includes("jobs/web")], [403, true]);
      assert.equal((await through("PUT", "/v1/var/app/mine", identity, '{"Items":{"a":"b"}}')).status, 200);
      assert.equal((await through("PUT", "/v1/var/nomad/jobs/web", identity, '{"Items":{"a":"b"}}')).status, 403);
      assert.deepEqual(
        (JSON.parse((await through("GET", "/v1/vars", identity)).text) as { Path: string }[]).map(({ Path }) => Path),
        ["app/mine", "nomad/jobs/web"],
      );
      assert.equal((await through("GET", "/v1/var/app/mine", "")).status, 401);
      assert.equal((await through("GET", "/v1/var/app/mine", "a-management-token")).status, 403);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }));
