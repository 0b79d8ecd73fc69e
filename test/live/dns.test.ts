/** The node's own DNS on a real agent: what starts or stops is answered so within a second (the address is in the node's attributes). */
import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { after, before, test } from "node:test";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

const STALE_MAX_MS = 1_000;
/** What the test itself takes to notice, on a machine that does other things too. */
const ROOM_MS = 500;

interface Allocation {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
}

let agent: RealAgent;
let resolver: Resolver;
before(async () => {
  agent = await startRealAgent();
  await ask();
});

/** With a port of its own choice the next life has another. */
async function ask(): Promise<void> {
  const [node] = await agent.get<{ ID: string }[]>("/v1/nodes");
  const { Attributes } = await agent.get<{ Attributes: Record<string, string> }>(`/v1/node/${node?.ID}`);
  resolver = new Resolver({ timeout: 500, tries: 2 });
  resolver.setServers([Attributes["unique.drover.dns.address"] ?? ""]);
}
after(async () => {
  await agent?.remove();
});

async function run(count: number): Promise<void> {
  const Job = {
    ID: "web",
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        Count: count,
        Networks: [{ DynamicPorts: [{ Label: "http" }] }],
        Services: [{ Name: "web", PortLabel: "http", Provider: "nomad" }],
        Tasks: [
          { Name: "t", Driver: "raw_exec", Config: { command: "/bin/sleep", args: ["1000000"] }, Resources: { CPU: 10, MemoryMB: 10 } },
        ],
      },
    ],
  };
  const answer = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
  assert.equal(answer.status, 200, await answer.text());
}

const living = async (): Promise<readonly Allocation[]> =>
  (await agent.get<Allocation[]>("/v1/allocations")).filter((each) => each.ClientStatus === "running" && each.DesiredStatus === "run");
const answered = async (): Promise<number> =>
  (
    await resolver
      .resolveSrv("web.service.drover")
      .catch((error: NodeJS.ErrnoException) => (error.code === "ENOTFOUND" ? [] : Promise.reject(error)))
  ).length;

/** From when the allocations are as wanted to when the name says so. */
async function staleMs(count: number): Promise<number> {
  const right = eventually(`${count} answers`, async () => (await answered()) === count && performance.now());
  const are = eventually(`${count} to run`, async () => (await living()).length === count && performance.now());
  return Math.max(0, (await right) - (await are));
}

test("a start, a stop and a replacement are answered within a second", async (t) => {
  const took: number[] = [];
  for (const count of [3, 1, 2, 0]) {
    await run(count);
    took.push(await staleMs(count));
  }
  await run(2);
  took.push(await staleMs(2));
  const before = new Set((await resolver.resolveSrv("web.service.drover")).map((each) => each.port));
  const [one] = await living();
  await agent.request(`/v1/allocation/${one?.ID}/stop`, { method: "PUT" });
  const are = eventually("another in its place", async () => {
    const all = await living();
    return all.length === 2 && all.every((each) => each.ID !== one?.ID) && performance.now();
  });
  const right = eventually("the other's port in its place", async () => {
    const ports = (await resolver.resolveSrv("web.service.drover")).map((each) => each.port);
    return ports.length === 2 && ports.filter((each) => before.has(each)).length <= 1 && performance.now();
  });
  took.push(Math.max(0, (await right) - (await are)));
  t.diagnostic(`stale for at most ${Math.round(Math.max(...took))} ms`);
  assert.ok(Math.max(...took) <= STALE_MAX_MS + ROOM_MS, took.join());
});

test("a job that is stopped is not answered any more; a killed agent answers the same in its next life", async () => {
  await agent.kill();
  await agent.restart();
  // Until it has registered anew, the node's attributes are those of the life before.
  await eventually("both answers of the next life", async () => {
    await ask();
    return (await answered()) === 2;
  });
  await agent.request("/v1/job/web", { method: "DELETE" });
  assert.ok((await staleMs(0)) <= STALE_MAX_MS + ROOM_MS);
});

test("on port 53 it is the nameserver of tasks with an /etc of their own; every task is told where it answers", async (t) => {
  // An address nobody else on this machine answers DNS on.
  const address = `127.53.${1 + Math.floor(Math.random() * 250)}.${1 + Math.floor(Math.random() * 250)}`;
  const named = await startRealAgent({
    config: {
      "agent.hcl": `server {\n enabled = true\n}\nclient {\n enabled = true\n dns {\n  address = "${address}"\n  port = 53\n }\n}\nplugin "raw_exec" {\n config {\n  enabled = true\n }\n}\n`,
    },
  });
  t.after(() => named.remove());
  const wait =
    "until getent hosts web.service.drover; do sleep 0.1; done; echo asked $DROVER_DNS_ADDR; grep nameserver /etc/resolv.conf; sleep 1000000";
  const Job = {
    ID: "web",
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        Networks: [{ DynamicPorts: [{ Label: "http" }] }],
        Services: [{ Name: "web", PortLabel: "http", Provider: "nomad" }],
        Tasks: [{ Name: "t", Driver: "exec", Config: { command: "/bin/sh", args: ["-c", wait] }, Resources: { CPU: 10, MemoryMB: 20 } }],
      },
    ],
  };
  assert.equal((await named.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) })).status, 200);
  const said = await eventually(
    "the task to have asked by name",
    async () => {
      const [allocation] = await named.get<Allocation[]>("/v1/job/web/allocations");
      const text = await (await named.request(`/v1/client/fs/logs/${allocation?.ID}?task=t&type=stdout&plain=true`)).text();
      return text.includes("nameserver") && text;
    },
    40_000,
  );
  assert.match(said, /^\d+\.\d+\.\d+\.\d+ +web\.service\.drover$/m);
  assert.match(said, new RegExp(`^asked ${address.replaceAll(".", "\\.")}:53$`, "m"));
  assert.match(said, new RegExp(`^nameserver ${address.replaceAll(".", "\\.")}$`, "m"));
});
