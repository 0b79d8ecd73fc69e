/** What operators and load balancers are told of the servers' health, by one that knows who leads and by one that does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi, type AgentFacts } from "#api/server";
import type { Cluster } from "#cluster";
import { createSeededRandom } from "#integrations/memory";
import { DEFAULT_AUTOPILOT_CONFIGURATION } from "#model";
import type { Server } from "#server";
import { NamedError } from "#std";
import { createState } from "#state";
import { CLOCK } from "./fake-world.ts";

const PATH = "/v1/operator/autopilot/health";

interface Health {
  readonly Healthy: boolean;
  readonly Leader: string;
  readonly FailureTolerance: number;
  readonly Servers: readonly {
    readonly ID: string;
    readonly Healthy: boolean;
    readonly LastContact: string;
    readonly StableSince: string;
  }[];
}

/** s1 of three; all three are alive. */
function world({ leads, leaderAddress }: { readonly leads: boolean; readonly leaderAddress: string }) {
  const relayed: string[] = [];
  const at = (number: number) => `10.0.0.${number}:4647`;
  const cluster = {
    clusterId: "c",
    serverId: "id-s1",
    leads,
    leaderAddress,
    lastContactMs: () => (leaderAddress === "" ? 7_000 : 0),
    state: createState({ clock: CLOCK }),
    servers: async () =>
      [1, 2, 3].map((number) => ({
        ServerId: `id-s${number}`,
        Name: `s${number}.global`,
        RpcAddress: at(number),
        Leader: at(number) === leaderAddress,
        SyncedIndex: 0,
        Time: CLOCK.nowMs(),
      })),
  } as unknown as Cluster;
  const server = {
    autopilotConfiguration: () => DEFAULT_AUTOPILOT_CONFIGURATION,
    serversStableSinceMs() {
      if (!leads) throw new NamedError("NOT_LEADING", "Cannot tell how the servers are: this server does not lead", { statusCode: 500 });
      return { "id-s1": 1_000 };
    },
  } as unknown as Server;
  const members = [1, 2, 3].map((number) => ({
    Name: `s${number}.global`,
    Addr: `10.0.0.${number}`,
    Port: 4648,
    Status: "alive",
    Tags: { id: `id-s${number}` },
  }));
  const api = createApi({
    server,
    cluster,
    localNode: null,
    peerApi: (address) => {
      relayed.push(address);
      return Promise.reject(new Error("not in this world"));
    },
    agent: { member: () => members[0], members: () => members } as unknown as AgentFacts,
    clock: CLOCK,
    random: createSeededRandom(1),
    region: "global",
    datacenter: "dc1",
  });
  const ask = async (url: string) => {
    const { statusCode, body } = await api.inject({ method: "GET", url });
    return { status: statusCode, text: body };
  };
  return { ask, relayed };
}

function told(text: string): readonly unknown[] {
  const { Healthy, Leader, FailureTolerance, Servers } = JSON.parse(text) as Health;
  return [Healthy, Leader, FailureTolerance, ...Servers.map(({ ID, Healthy }) => `${ID} ${Healthy}`)];
}

test("The one that leads says who is well and since when", async () => {
  const { ask } = world({ leads: true, leaderAddress: "10.0.0.1:4647" });
  const { status, text } = await ask(PATH);
  assert.deepEqual([status, ...told(text)], [200, true, "id-s1", 1, "id-s1 true", "id-s2 true", "id-s3 true"]);
  assert.equal((JSON.parse(text) as Health).Servers[0]?.StableSince, "1970-01-01T00:00:01.000Z");
});

test("A server that knows no leader says that; nobody else is asked", async () => {
  const { ask, relayed } = world({ leads: false, leaderAddress: "" });
  const { status, text } = await ask(PATH);
  assert.deepEqual([status, text, relayed], [500, "No cluster leader", []]);
});

test("Asked for its own view, a server that knows no leader is not well itself, and names none, though it sees the others alive", async () => {
  const { ask } = world({ leads: false, leaderAddress: "" });
  const { status, text } = await ask(`${PATH}?stale`);
  assert.deepEqual([status, ...told(text)], [429, false, "", 0, "id-s1 false", "id-s2 true", "id-s3 true"]);
  const [own] = (JSON.parse(text) as Health).Servers;
  assert.deepEqual([own?.LastContact, own?.StableSince], ["7000ms", "0001-01-01T00:00:00Z"]);
});

test("One that follows tells its own view, and hands the question on when it is not its own that is wanted", async () => {
  const { ask, relayed } = world({ leads: false, leaderAddress: "10.0.0.2:4647" });
  const own = await ask(`${PATH}?stale`);
  assert.deepEqual([own.status, ...told(own.text)], [200, true, "id-s2", 1, "id-s1 true", "id-s2 true", "id-s3 true"]);
  assert.deepEqual(relayed, []);
  await ask(PATH);
  assert.deepEqual(relayed, ["10.0.0.2:4647"]);
});
