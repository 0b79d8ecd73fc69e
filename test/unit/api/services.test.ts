/** Drover's own registry and the keyring over the API: nomad.md §3.2. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { AllocationId, JobId, Namespace, NodeId, ServiceRegistration } from "#model";
import { group, job, node, placement, plan, registration, rootKey } from "../state/nouns.ts";
import { createWorld } from "./fake-world.ts";
import { createRealWorld, type RealWorld } from "./real-world.ts";

/** A node with four allocations of job web, in each of two namespaces, and what they offer. */
function registry(): RealWorld & {
  get(url: string): Promise<{ readonly status: number; readonly body: string; readonly headers: Record<string, unknown> }>;
} {
  const world = createRealWorld(1);
  world.apply({ type: "node-register", Node: node("n1"), Evaluations: [] });
  for (const namespace of ["default", "prod"] as Namespace[]) {
    world.apply({
      type: "namespaces-upsert",
      Namespaces: [{ ...(world.state.snapshot().namespace("default") as never as object), Name: namespace } as never],
    });
    const of = job("web", { Namespace: namespace, TaskGroups: [group("web", 4)] });
    world.apply({ type: "job-register", Job: of, Submission: null, Evaluation: null, EnforceIndex: null, PreserveCounts: false });
    const stored = world.state.snapshot().job(namespace, "web");
    assert.ok(stored !== undefined);
    const Placements = [0, 1, 2, 3].map((at) => placement(`${namespace}-${at}`, "web", "n1", { JobVersion: stored.Version }));
    world.apply({ type: "plan-apply", Plan: plan(stored, { Placements }), Evaluations: [] });
    world.apply({
      type: "services-upsert",
      Services: [0, 1, 2, 3].flatMap((at) => [service(namespace, at, "api"), service(namespace, at, `own-${at}`)]),
    });
  }
  return {
    ...world,
    async get(url) {
      const response = await world.api.inject({ method: "GET", url });
      return { status: response.statusCode, body: response.body, headers: response.headers as Record<string, unknown> };
    },
  };
}
function service(namespace: Namespace, at: number, ServiceName: string): ServiceRegistration {
  const AllocID = `${namespace}-${at}` as AllocationId;
  return registration(`_nomad-task-${AllocID}-${ServiceName}`, {
    ServiceName,
    Namespace: namespace,
    JobID: "web" as JobId,
    AllocID,
    NodeID: "n1" as NodeId,
    Tags: [`tag-${at % 2}`, "all"],
    Port: 20_000 + at,
  });
}
async function inside(play: (world: ReturnType<typeof registry>) => Promise<void>): Promise<void> {
  const world = registry();
  try {
    await play(world);
  } finally {
    await world.api.close();
  }
}
const ids = (body: string) => (JSON.parse(body) as { readonly ID: string }[]).map(({ ID }) => ID);

test("services are listed by namespace, each name once with the tags of all that bear it", () =>
  inside(async ({ get }) => {
    const one = await get("/v1/services");
    assert.deepEqual(JSON.parse(one.body), [
      {
        Namespace: "default",
        Services: [
          { ServiceName: "api", Tags: ["all", "tag-0", "tag-1"] },
          ...[0, 1, 2, 3].map((at) => ({ ServiceName: `own-${at}`, Tags: ["all", `tag-${at % 2}`] })),
        ],
      },
    ]);
    const both = JSON.parse((await get("/v1/services?namespace=*")).body) as { Namespace: string; Services: unknown[] }[];
    assert.deepEqual(
      both.map(({ Namespace, Services }) => [Namespace, Services.length]),
      [
        ["default", 5],
        ["prod", 5],
      ],
    );
    assert.deepEqual(JSON.parse((await get("/v1/services?namespace=none")).body), []);
    const filtered = await get(`/v1/services?namespace=*&filter=${encodeURIComponent('ServiceName == "own-1"')}`);
    assert.deepEqual(
      JSON.parse(filtered.body),
      ["default", "prod"].map((Namespace) => ({ Namespace, Services: [{ ServiceName: "own-1", Tags: ["all", "tag-1"] }] })),
    );
  }));

test("pages of services and of one service hold each once, though what begins the next page has gone (F27)", () =>
  inside(async ({ get, apply }) => {
    const names: string[] = [];
    let token = "";
    do {
      const { body, headers } = await get(`/v1/services?namespace=*&per_page=3&next_token=${encodeURIComponent(token)}`);
      for (const { Namespace, Services } of JSON.parse(body) as { Namespace: string; Services: { ServiceName: string }[] }[]) {
        names.push(...Services.map(({ ServiceName }) => `${Namespace} ${ServiceName}`));
      }
      token = String(headers["x-nomad-nexttoken"] ?? "");
    } while (token !== "");
    assert.equal(names.length, 10);
    assert.equal(new Set(names).size, 10);
    const first = await get("/v1/service/api?per_page=2");
    const next = String(first.headers["x-nomad-nexttoken"]);
    apply({ type: "services-delete", IDs: [service("default" as Namespace, 2, "api").ID] });
    const second = await get(`/v1/service/api?per_page=2&next_token=${encodeURIComponent(next)}`);
    assert.deepEqual(
      [...ids(first.body), ...ids(second.body)],
      [0, 1, 3].map((at) => service("default" as Namespace, at, "api").ID),
    );
  }));

test("one service, a job's, an allocation's: registrations as they are kept", () =>
  inside(async ({ get, state }) => {
    const stored = [...state.snapshot().servicesByName("default", "api")];
    assert.equal(stored.length, 4);
    assert.deepEqual(JSON.parse((await get("/v1/service/api")).body), stored);
    assert.deepEqual(JSON.parse((await get("/v1/service/none")).body), []);
    assert.deepEqual(
      ids((await get("/v1/job/web/services?namespace=prod")).body),
      [...state.snapshot().servicesByJob("prod", "web")].map(({ ID }) => ID),
    );
    assert.deepEqual(ids((await get("/v1/allocation/prod-1/services")).body).sort(), [
      "_nomad-task-prod-1-api",
      "_nomad-task-prod-1-own-1",
    ]);
    const filter = encodeURIComponent('"tag-1" in Tags');
    assert.equal(ids((await get(`/v1/service/api?filter=${filter}`)).body).length, 2);
  }));

test("a reader that waits hears of a service that comes, and of one that goes with its allocation", () =>
  inside(async ({ get, apply, state }) => {
    const index = state.snapshot().tableIndex("services");
    const waiting = get(`/v1/service/api?index=${index}&wait=10s`);
    apply({
      type: "allocations-client-update",
      Updates: [{ ID: "default-0" as AllocationId, NodeID: "n1" as NodeId, ClientStatus: "failed", ClientDescription: "", TaskStates: {} }],
      Evaluations: [],
    });
    const { body, headers } = await waiting;
    assert.deepEqual([ids(body).length, Number(headers["x-nomad-index"]) > index], [3, true]);
  }));

test("choose gives the same few for the same key, others for another, and moves only who had what went", () =>
  inside(async ({ get, apply }) => {
    const chosen = async (count: number, key: string) =>
      ids((await get(`/v1/service/api?choose=${encodeURIComponent(`${count}|${key}`)}`)).body);
    const before = new Map<string, string>();
    for (let at = 0; at < 60; at++) {
      const [one] = await chosen(1, `key-${at}`);
      assert.deepEqual(await chosen(1, `key-${at}`), [one]);
      assert.equal((await chosen(2, `key-${at}`))[0], one, "more of them begin with the fewer");
      before.set(`key-${at}`, one ?? "");
    }
    assert.equal(new Set(before.values()).size, 4, "sixty keys reach all four");
    assert.equal((await chosen(9, "x")).length, 4);
    const gone = service("default" as Namespace, 1, "api").ID;
    apply({ type: "services-delete", IDs: [gone] });
    for (const [key, one] of before) if (one !== gone) assert.deepEqual(await chosen(1, key), [one]);
    for (const bad of ["", "2", "|x", "0|x", "-1|x", "a|x", "1|", "1.5|x"]) {
      assert.equal((await get(`/v1/service/api?choose=${encodeURIComponent(bad)}`)).status, 400, bad);
    }
  }));

test("choose orders by the hash that others of this API's servers order by", () =>
  inside(async ({ get }) => {
    const hashOf = ({ Port, AllocID, ID, Namespace: namespace, Address, ServiceName, Tags }: ServiceRegistration, key: string) => {
      const port = Buffer.alloc(8);
      port.writeBigUInt64BE(BigInt(Port));
      return createHash("sha256")
        .update(Buffer.concat([port, Buffer.from([AllocID, ID, namespace, Address, ServiceName, ...Tags, key].join(""))]))
        .digest("hex");
    };
    const all = [0, 1, 2, 3].map((at) => service("default" as Namespace, at, "api"));
    for (let at = 0; at < 30; at++) {
      const wanted = all.toSorted((a, b) => (hashOf(a, `key-${at}`) < hashOf(b, `key-${at}`) ? -1 : 1)).map(({ ID }) => ID);
      assert.deepEqual(ids((await get(`/v1/service/api?choose=4%7Ckey-${at}`)).body), wanted);
    }
  }));

test("deleting a registration, rotating and removing keys reach the server as they were meant", async () => {
  const world = createWorld();
  const send = async (method: "DELETE" | "PUT", url: string) => (await world.api.inject({ method, url })).statusCode;
  assert.equal(await send("DELETE", "/v1/service/api/_nomad-task-1?namespace=prod"), 200);
  assert.equal(await send("DELETE", "/v1/operator/keyring/key/k1?force=true"), 200);
  for (const bad of ["publish_time=x", "publish_time=-1", "algorithm=md5", "full=perhaps"]) {
    assert.equal(await send("PUT", `/v1/operator/keyring/rotate?${bad}`), 400, bad);
  }
  assert.deepEqual(world.asked, [
    { operation: "deleteService", arguments: ["prod", "api", "_nomad-task-1"] },
    { operation: "deleteRootKey", arguments: ["k1", true] },
  ]);
  await world.api.close();
});

test("keys are listed without themselves", () =>
  inside(async ({ get, apply }) => {
    apply({ type: "root-keys-upsert", Keys: [rootKey("k1", "active"), { ...rootKey("k2", "prepublished"), PublishTime: 5e18 }] });
    const { body } = await get("/v1/operator/keyring/keys");
    const [key, ...more] = JSON.parse(body) as Record<string, unknown>[];
    assert.deepEqual(Object.keys(key ?? {}), [
      "KeyID",
      "Algorithm",
      "SigningAlgorithm",
      "State",
      "CreateTime",
      "PublishTime",
      "CreateIndex",
      "ModifyIndex",
    ]);
    assert.deepEqual(
      [key?.["KeyID"], key?.["State"], more.map((each) => [each["KeyID"], each["PublishTime"]])],
      ["k1", "active", [["k2", 5e18]]],
    );
    assert.ok(!body.includes(rootKey("k1", "active").Wrapped));
  }));

test("JWKS says until when it may be kept; discovery is there only with an issuer", async () => {
  const keys = [{ kty: "RSA", kid: createHash("md5").update("x").digest("hex"), alg: "RS256", use: "sig", n: "AQ", e: "AQAB" }];
  const world = createWorld();
  for (const issuer of ["", "https://drover.example"]) {
    const server = { jwks: () => ({ keys, maxAgeS: 3_600 }), openidConfiguration: () => (issuer === "" ? null : { issuer }) };
    const { api } = createWorld({ server: server as never });
    const jwks = await api.inject({ method: "GET", url: "/.well-known/jwks.json" });
    assert.deepEqual([jwks.statusCode, jwks.json(), jwks.headers["cache-control"]], [200, { keys }, "max-age=3600"]);
    assert.equal(jwks.headers["content-type"], "application/json");
    const discovery = await api.inject({ method: "GET", url: "/.well-known/openid-configuration" });
    assert.equal(discovery.statusCode, issuer === "" ? 404 : 200);
    if (issuer !== "") assert.deepEqual(discovery.json(), { issuer });
    await api.close();
  }
  await world.api.close();
});
