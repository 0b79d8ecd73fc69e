/** What operators ask about the servers themselves: members, keys, peers, snapshots, autopilot; nodes' tokens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi, type AgentFacts } from "#api/server";
import type { Cluster } from "#cluster";
import { createSeededRandom, memoryMembership } from "#integrations/memory";
import { DEFAULT_AUTOPILOT_CONFIGURATION } from "#model";
import type { Membership, ServerMember } from "#ports";
import { snapshotArchive, type Server } from "#server";
import { createState } from "#state";
import { CLOCK } from "./fake-world.ts";

const member = (name: string): ServerMember => ({
  Name: `${name}.global`,
  ServerId: `id-${name}`,
  Address: `10.0.0.${name.slice(1)}`,
  Port: 4648,
  RpcAddress: `10.0.0.${name.slice(1)}:4647`,
  HttpAddress: "",
  Status: "alive",
  Datacenter: "dc1",
  Region: "global",
  Version: "0.1.0",
  Voter: true,
});

function world(membership?: Membership, standing: { readonly leads?: boolean; readonly leaderAddress?: string } = {}) {
  const asked: unknown[] = [];
  const state = createState({ clock: CLOCK });
  const cluster = {
    clusterId: "c",
    serverId: "id-s1",
    leads: true,
    leaderAddress: "10.0.0.1:4647",
    ...standing,
    lastContactMs: () => 0,
    read: async () => state.snapshot(),
    state,
    servers: async () =>
      [1, 2].map((at) => ({
        ServerId: `id-s${at}`,
        Name: `s${at}.global`,
        RpcAddress: `10.0.0.${at}:4647`,
        Leader: at === 1,
        SyncedIndex: 0,
        Time: 0,
      })),
    forgetServer: async (id: string) => void asked.push(["forget", id]),
    transferLeadership: async (id?: string) => void asked.push(["transfer", id]),
    async restore(chunks: AsyncIterable<Uint8Array>) {
      let size = 0;
      for await (const chunk of chunks) size += chunk.length;
      asked.push(["restore", size > 0]);
      return { Index: 9 };
    },
  } as unknown as Cluster;
  const server = {
    autopilotConfiguration: () => ({ ...DEFAULT_AUTOPILOT_CONFIGURATION, ModifyIndex: 1 }),
    async setAutopilotConfiguration(configuration: { ServerStabilizationTime: string }, index: number | null) {
      asked.push(["autopilot", configuration.ServerStabilizationTime, index]);
      return { Updated: index !== 7, Index: 3 };
    },
    introduceNode: async (request: unknown) => {
      asked.push(["introduce", request]);
      return { JWT: "a.b.c" };
    },
  } as unknown as Server;
  const stats = () => ({ raft: { num_peers: "0", state: "Leader" } });
  const own = { Name: "s1.global", Addr: "10.0.0.1", Port: 4648, Status: "alive", Tags: { id: "id-s1", build: "2.0.6" } };
  const api = createApi({
    server,
    cluster,
    localNode: null,
    ...(membership === undefined ? {} : { membership }),
    agent: { member: () => own, members: () => [own], startedAtMs: 0, config: () => ({}), stats } as unknown as AgentFacts,
    clock: CLOCK,
    random: createSeededRandom(1),
    region: "global",
    datacenter: "dc1",
  });
  const ask = async (method: string, url: string, body?: unknown) => {
    const payload = body === undefined ? {} : { payload: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body) };
    const response = await api.inject({ method: method as "GET", url, ...payload });
    return { status: response.statusCode, text: response.rawPayload.toString("utf8") };
  };
  return { asked, state, ask };
}

test("Servers are joined and told to be gone by address and name; what no one is at is told", async () => {
  const members = memoryMembership({ joined: false });
  const membership = members.at(member("s1"));
  members.at(member("s2"));
  const { ask } = world(membership);
  assert.equal((await ask("PUT", "/v1/agent/join")).status, 400);
  assert.deepEqual(JSON.parse((await ask("PUT", "/v1/agent/join?address=10.0.0.2:4648")).text), { num_joined: 1, error: "" });
  assert.match((await ask("PUT", "/v1/agent/join?address=10.9.9.9")).text, /"num_joined":0.*nobody answers/);
  for (const name of ["s2.global", "s2"]) {
    const refused = await ask("PUT", `/v1/agent/force-leave?node=${name}&prune`);
    assert.deepEqual([refused.status, /"s2.global" out: it is alive/.test(refused.text)], [400, true], "a live one runs on unseen");
  }
  members.setStatus("id-s2", "failed");
  assert.equal((await ask("PUT", "/v1/agent/force-leave?node=s2.global")).status, 200);
  const { Members } = JSON.parse((await ask("GET", "/v1/agent/members")).text) as { Members: { Name: string; Status: string }[] };
  assert.deepEqual(
    Members.map(({ Name, Status }) => [Name, Status]),
    [
      ["s1.global", "alive"],
      ["s2.global", "left"],
    ],
  );
});

test("The agent says how many other servers there are, as nomad check -min-peers asks it; who left is none", async () => {
  const members = memoryMembership();
  members.at(member("s2"));
  members.at(member("s3"));
  const { ask } = world(members.at(member("s1")));
  const peers = async () => JSON.parse((await ask("GET", "/v1/agent/self")).text).stats.raft;
  assert.deepEqual(await peers(), { num_peers: "2", state: "Leader" });
  members.setStatus("id-s3", "left");
  assert.equal((await peers()).num_peers, "1");
});

test("The agent tells of itself while those who know the other servers do not answer; it makes up no count of them", async () => {
  const dead = { ...memoryMembership().at(member("s1")), members: () => Promise.reject(new Error("connection refused")) };
  const answer = await world(dead).ask("GET", "/v1/agent/self");
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.text).stats.raft, { state: "Leader" });
});

test("Gossip's keys: without encryption that is said; a key that is none is refused", async () => {
  const { ask } = world(memoryMembership().at(member("s1")));
  assert.match((await ask("GET", "/v1/agent/keyring/list")).text, /gossip is not encrypted/);
  for (const path of ["/v1/agent/keyring/install", "/v1/agent/keyring/use", "/v1/agent/keyring/remove"]) {
    assert.match((await ask("PUT", path, { Key: "short" })).text, /wanted base64/, path);
    assert.match((await ask("PUT", path, { Key: Buffer.alloc(32).toString("base64") })).text, /gossip is not encrypted/, path);
  }
  const alone = await world().ask("GET", "/v1/agent/keyring/list");
  assert.deepEqual([alone.status, /stands alone/.test(alone.text)], [400, true]);
});

test("A server that is alive is not removed from the peers: it would vote, or lead, unseen", async () => {
  const members = memoryMembership();
  const membership = members.at(member("s1"));
  members.at(member("s2"));
  const { ask, asked } = world(membership);
  const refused = await ask("DELETE", "/v1/operator/raft/peer?id=id-s2");
  assert.deepEqual([refused.status, /it is alive/.test(refused.text), asked], [400, true, []]);
  members.setStatus("id-s2", "failed");
  assert.equal((await ask("DELETE", "/v1/operator/raft/peer?id=id-s2")).status, 200);
  assert.deepEqual(asked, [["forget", "id-s2"]]);
});

test("A peer is forgotten by id or address, leadership is given to one of the servers", async () => {
  const { ask, asked } = world();
  assert.equal((await ask("DELETE", "/v1/operator/raft/peer")).status, 400);
  assert.equal((await ask("DELETE", "/v1/operator/raft/peer?id=id-s2&address=10.0.0.2:4647")).status, 400);
  assert.equal((await ask("DELETE", "/v1/operator/raft/peer?id=nobody")).status, 404);
  assert.equal((await ask("DELETE", "/v1/operator/raft/peer?address=10.0.0.2:4647")).status, 200);
  const transferred = await ask("PUT", "/v1/operator/raft/transfer-leadership?id=id-s2");
  assert.deepEqual(JSON.parse(transferred.text), {
    From: { ID: "id-s1", Address: "10.0.0.1:4647" },
    To: { ID: "id-s2", Address: "10.0.0.2:4647" },
    Noop: false,
    Err: null,
  });
  const itself = await ask("PUT", "/v1/operator/raft/transfer-leadership?address=10.0.0.1:4647");
  assert.deepEqual([itself.status, JSON.parse(itself.text).Noop], [200, true]);
  assert.equal((await ask("PUT", "/v1/operator/raft/transfer-leadership?id=nobody")).status, 404);
  assert.deepEqual(asked, [
    ["forget", "id-s2"],
    ["transfer", "id-s2"],
    ["transfer", "id-s1"],
  ]);
});

test("Leadership asked of a server that does not lead is the leader's to give; where nobody leads that is said", async () => {
  const follower = world(undefined, { leads: false });
  assert.match((await follower.ask("PUT", "/v1/operator/raft/transfer-leadership?id=id-s2")).text, /server 10\.0\.0\.1:4647 can/);
  const leaderless = world(undefined, { leads: false, leaderAddress: "" });
  const answer = await leaderless.ask("PUT", "/v1/operator/raft/transfer-leadership?id=id-s2");
  assert.deepEqual([answer.status, /No cluster leader/.test(answer.text)], [500, true]);
  assert.deepEqual([...follower.asked, ...leaderless.asked], []);
});

test("Autopilot's configuration is replaced whole, durations as text or nanoseconds; the answer says whether it was", async () => {
  const { ask, asked } = world();
  const path = "/v1/operator/autopilot/configuration";
  assert.equal((await ask("PUT", path, { LastContactThreshold: "200ms", ServerStabilizationTime: "90s" })).text.trim(), "true");
  assert.equal((await ask("PUT", `${path}?cas=7`, { ServerStabilizationTime: 5e9 })).text.trim(), "false");
  assert.equal((await ask("PUT", path, { ServerStabilizationTime: "soon" })).status, 400);
  assert.deepEqual(asked, [
    ["autopilot", "1m30s", null],
    ["autopilot", "5s", 7],
  ]);
});

test("An archive that is whole is restored; a damaged one changes nothing", async () => {
  const { ask, asked, state } = world();
  const { bytes } = await snapshotArchive(state, 1);
  assert.equal((await ask("PUT", "/v1/operator/snapshot", bytes)).status, 200);
  const damaged = await ask("PUT", "/v1/operator/snapshot", bytes.subarray(0, bytes.length - 30));
  assert.deepEqual([damaged.status, /Cannot read snapshot/.test(damaged.text)], [400, true]);
  assert.equal((await ask("PUT", "/v1/operator/snapshot", new Uint8Array())).status, 400);
  assert.deepEqual(asked, [["restore", true]]);
});

test("A node's first token is made as asked; identities of nodes nobody knows are not found", async () => {
  const { ask, asked } = world();
  const made = await ask("PUT", "/v1/acl/identity/client-introduction-token", { TTL: "10m", NodeName: "n1" });
  assert.deepEqual(JSON.parse(made.text), { JWT: "a.b.c" });
  assert.deepEqual(asked, [["introduce", { ttlMs: 600_000, nodeName: "n1", nodePool: "" }]]);
  assert.equal((await ask("GET", "/v1/client/identity")).status, 400);
  assert.equal((await ask("GET", "/v1/client/identity?node_id=nobody")).status, 404);
  assert.equal((await ask("PUT", "/v1/client/identity/renew", { NodeID: "nobody" })).status, 404);
});
