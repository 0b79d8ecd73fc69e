/**
 * Nodes that vanish from a cluster and come back: what runs then is what was wanted, once, and its services point there. The truth is in the
 * processes of the machines, not in what servers say of them.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { testScale } from "../scale.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type ClusterWorld, type MachineProcess } from "./parts/cluster-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 600_000 };
/** A server that comes back at another address is taken again by the others' gossip half a minute after they missed it: for the soak. */
const MOVING = { skip: testScale() < 10 ? "soak" : false };
const SERVERS = ["s1", "s2", "s3"];
const CLIENTS = ["c1", "c2", "c3"];
/** Rounds of reconnecting, at most 22 s apart, and what follows. */
const BACK_MS = 60_000;
/** And until gossip takes a server again at another address. */
const MOVED_MS = 120_000;
const MINUTE_NS = 60e9;

interface Allocation {
  readonly ID: string;
  readonly Name: string;
  readonly JobID: string;
  readonly NodeName: string;
  readonly NodeID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly NextAllocation: string;
}
interface NodeStub {
  readonly ID: string;
  readonly Name: string;
  readonly Address: string;
  readonly Status: string;
}

test("nodes that vanish come back to what is wanted of them, once", LIVE, async (t) => {
  const cluster = await startCluster(t);
  const { world, servers } = cluster;
  const c1 = world.machine("c1");

  await t.test("a pulled cable: every policy of disconnect, and what returns", (each) => cluster.explain(each, () => pulledCable(cluster)));
  await t.test("a node at another address is the same node, and its tasks run on", (each) =>
    cluster.explain(each, async () => {
      const before = await cluster.node("c1");
      const ran = processesOf(await c1.pids());
      assert.ok(ran.size > 0);
      assert.equal(await cluster.process("c1").end("SIGTERM"), 0);
      const address = await c1.readdress();
      cluster.start("c1");
      const after = await eventually(
        "c1 at its new address",
        async () => {
          const node = await cluster.node("c1");
          return node.Status === "ready" && node.Address === address ? node : undefined;
        },
        BACK_MS,
      );
      assert.equal(after.ID, before.ID);
      assert.equal((await cluster.nodes()).length, CLIENTS.length);
      for (const job of KEPT) {
        const [running] = await cluster.settled(job);
        assert.deepEqual(processesOf(await c1.pids()).get(`${job}.g[0]`), ran.get(`${job}.g[0]`), `${job}: the same process`);
        assert.equal(running?.NodeName, "c1");
      }
    }),
  );
  await t.test("a node held by a server that lags behind stops nothing", (each) => cluster.explain(each, () => laggingServer(cluster)));
  await t.test(
    "servers move to other addresses one after the other: nodes find them, also those that start with the old ones",
    MOVING,
    (each) =>
      cluster.explain(each, async () => {
        const ran = processesOf(await c1.pids());
        for (const server of servers) {
          assert.equal(await cluster.process(server.name).end("SIGTERM"), 0);
          await server.kill9();
          await server.readdress();
          cluster.start(
            server.name,
            servers.map(({ address }) => address),
          );
          await server.answers();
          await eventually("three servers that follow", () => cluster.allFollow(), MOVED_MS);
        }
        await eventually("the nodes to be ready", () => cluster.allReady(), BACK_MS);
        await cluster.process("c1").kill9();
        cluster.start("c1");
        await eventually("c1, told of addresses of before, to answer through a server", () => reachesServer(c1), BACK_MS);
        await eventually("the nodes to be ready", () => cluster.allReady(), BACK_MS);
        assert.deepEqual(processesOf(await c1.pids()), ran);
      }),
  );
});

/** These run on c1 through what comes after. */
const KEPT = ["keep-original", "stay"];

/** What every job is to prove, by the machine it started on and its policy. */
interface Case {
  readonly id: string;
  readonly disconnect?: Readonly<Record<string, unknown>>;
  /** Where it would rather be. */
  readonly likes: string;
  /** While c1 is out of reach: of the original; and is it replaced? */
  readonly away: "lost" | "unknown";
  readonly replaced: boolean;
  /** Who runs in the end. */
  readonly survivor: "original" | "replacement";
}

const CASES: readonly Case[] = [
  { id: "plain", likes: "c1", away: "lost", replaced: true, survivor: "replacement" },
  {
    id: "stay",
    likes: "c1",
    disconnect: { LostAfter: 10 * MINUTE_NS, Replace: false },
    away: "unknown",
    replaced: false,
    survivor: "original",
  },
  {
    id: "keep-original",
    likes: "c1",
    disconnect: { LostAfter: 10 * MINUTE_NS, Replace: true, Reconcile: "keep_original" },
    away: "unknown",
    replaced: true,
    survivor: "original",
  },
  {
    id: "keep-replacement",
    likes: "c1",
    disconnect: { LostAfter: 10 * MINUTE_NS, Replace: true, Reconcile: "keep_replacement" },
    away: "unknown",
    replaced: true,
    survivor: "replacement",
  },
  {
    id: "best-original",
    likes: "c1",
    disconnect: { LostAfter: 10 * MINUTE_NS, Replace: true, Reconcile: "best_score" },
    away: "unknown",
    replaced: true,
    survivor: "original",
  },
  {
    id: "best-replacement",
    likes: "c2",
    disconnect: { LostAfter: 10 * MINUTE_NS, Replace: true, Reconcile: "best_score" },
    away: "unknown",
    replaced: true,
    survivor: "replacement",
  },
  {
    id: "longest-running",
    likes: "c2",
    disconnect: { LostAfter: 10 * MINUTE_NS, Replace: true, Reconcile: "longest_running" },
    away: "unknown",
    replaced: true,
    survivor: "original",
  },
  { id: "expires", likes: "c1", disconnect: { LostAfter: 2e9, Replace: true }, away: "lost", replaced: true, survivor: "replacement" },
  { id: "alone", likes: "c1", disconnect: { StopOnClientAfter: 2e9 }, away: "lost", replaced: true, survivor: "replacement" },
];

async function pulledCable(cluster: Cluster): Promise<void> {
  const { world } = cluster;
  const c1 = world.machine("c1");
  // Everything starts on c1, also what would rather be elsewhere.
  for (const name of ["c2", "c3"]) await cluster.eligible(name, false);
  for (const each of CASES) await cluster.run(jobOf(each));
  await cluster.run(systemJob("everywhere"));
  const originals = new Map<string, Allocation>();
  for (const { id } of CASES) originals.set(id, (await cluster.settled(id))[0] as Allocation);
  for (const name of ["c2", "c3"]) await cluster.eligible(name, true);
  await eventually("the system job on three nodes", async () => (await cluster.running("everywhere")).length === 3);
  const before = processesOf(await c1.pids());
  assert.deepEqual([...before.keys()].sort(), [...CASES.map(({ id }) => `${id}.g[0]`), "everywhere.g[0]"].sort());

  await c1.cut();
  for (const { id, away, replaced } of CASES) {
    const original = originals.get(id) as Allocation;
    await eventually(
      `${id}: ${away}${replaced ? ", replaced" : ""}`,
      async () => {
        const all = await cluster.allocations(id);
        const it = all.find(({ ID }) => ID === original.ID);
        const others = all.filter((each) => each.ID !== original.ID && each.ClientStatus === "running" && each.NodeName !== "c1");
        return it?.ClientStatus === away && others.length === (replaced ? 1 : 0);
      },
      BACK_MS,
    );
  }
  // The node stops by itself what it was told to, and nothing else.
  await eventually("c1 to stop what is not to run alone", async () => !processesOf(await c1.pids()).has("alone.g[0]"));
  before.delete("alone.g[0]");
  assert.deepEqual(processesOf(await c1.pids()), before);
  assert.equal((await cluster.node("c1")).Status, "disconnected");

  await c1.heal();
  await eventually("c1 to be back", async () => (await cluster.node("c1")).Status === "ready", BACK_MS);
  for (const { id, survivor } of CASES) {
    const original = originals.get(id) as Allocation;
    const [running] = await cluster.settled(id);
    assert.equal(running?.ID === original.ID ? "original" : "replacement", survivor, id);
    if (survivor === "original") {
      assert.deepEqual(processesOf(await c1.pids()).get(`${id}.g[0]`), before.get(`${id}.g[0]`), `${id}: it was never restarted`);
    }
  }
  await eventually("the system job on three nodes again", async () => {
    const running = await cluster.running("everywhere");
    return running.length === 3 && new Set(running.map(({ NodeName }) => NodeName)).size === 3;
  });
  for (const id of [...CASES.map((each) => each.id), "everywhere"].filter((each) => !KEPT.includes(each))) await cluster.purge(id);
  await eventually("c1 to run what is kept only", async () => processesOf(await c1.pids()).size === KEPT.length);
}

/** s3 is frozen away from the others; c1 can reach only s3. */
async function laggingServer(cluster: Cluster): Promise<void> {
  const { world, servers } = cluster;
  const c1 = world.machine("c1");
  const s3 = await cluster.follower();
  const others = servers.filter((each) => each !== s3);
  const ran = processesOf(await c1.pids());
  // Its Consul stands still, it goes on: it knows nothing of what is placed from now on.
  const consul = (await s3.pids()).filter((pid) => commandOf(pid).includes("consul"));
  assert.ok(consul.length > 0, "a private Consul runs there");
  for (const pid of consul) process.kill(pid, "SIGSTOP");
  try {
    await cluster.run(jobOf({ id: "later", likes: "c1", disconnect: { LostAfter: 10 * MINUTE_NS, Replace: false } }), others[0]);
    await cluster.settled("later", others[0]);
    const wanted = processesOf(await c1.pids());
    assert.ok(wanted.has("later.g[0]"));
    for (const other of others) await world.cutBetween(c1, other);
    await eventually("c1 to be missed", async () => (await cluster.node("c1", others[0])).Status === "disconnected", BACK_MS);
    // From here on only a server that lags could tell it anything.
    const asked = countOf(cluster.process("c1"), "servers cannot be reached");
    await eventually(
      "c1 to have asked s3 again and again",
      () => countOf(cluster.process("c1"), "servers cannot be reached") >= asked + 2,
      BACK_MS,
    );
    assert.deepEqual(processesOf(await c1.pids()), wanted);
    for (const pid of consul) process.kill(pid, "SIGCONT");
    await eventually("c1 to be back through s3", async () => (await cluster.node("c1", others[0])).Status === "ready", BACK_MS);
    assert.deepEqual(processesOf(await c1.pids()), wanted);
    assert.ok([...ran.keys()].every((name) => wanted.has(name)));
  } finally {
    for (const pid of consul) process.kill(pid, "SIGCONT");
    await world.heal();
  }
  await eventually("three servers that follow", () => cluster.allFollow(), BACK_MS);
}

type Job = Readonly<Record<string, unknown>>;

function jobOf({ id, likes, disconnect }: Pick<Case, "id" | "likes" | "disconnect">): Job {
  const Affinities = [{ LTarget: "${node.unique.name}", RTarget: likes, Operand: "=", Weight: 100 }];
  const ReschedulePolicy = { Unlimited: true, Delay: 5e9, DelayFunction: "constant" };
  const group = { ...groupOf(id), Disconnect: disconnect ?? null, ReschedulePolicy };
  return { ID: id, Name: id, Type: "service", Datacenters: ["dc1"], Affinities, TaskGroups: [group] };
}

const systemJob = (id: string): Job => ({ ID: id, Name: id, Type: "system", Datacenters: ["dc1"], TaskGroups: [groupOf(id)] });

function groupOf(id: string) {
  return {
    Name: "g",
    Count: 1,
    RestartPolicy: { Attempts: 10, Interval: MINUTE_NS * 10, Delay: 1e9, Mode: "delay" },
    Networks: [{ Mode: "host", DynamicPorts: [{ Label: "http" }] }],
    Services: [{ Name: id, Provider: "nomad", PortLabel: "http" }],
    EphemeralDisk: { SizeMB: 10 },
    Tasks: [
      {
        Name: "t",
        Driver: "raw_exec",
        Config: { command: "/bin/sleep", args: ["100000"] },
        KillTimeout: 1e9,
        Resources: { CPU: 20, MemoryMB: 20 },
        LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
      },
    ],
  };
}

interface Cluster {
  readonly world: ClusterWorld;
  readonly servers: readonly ClusterMachine[];
  process(name: string): MachineProcess;
  /** Servers: `join` are the addresses it is told, those of the first start by default. */
  start(name: string, join?: readonly string[]): void;
  run(job: Job, through?: ClusterMachine): Promise<void>;
  purge(job: string): Promise<void>;
  eligible(name: string, eligible: boolean): Promise<void>;
  nodes(through?: ClusterMachine): Promise<NodeStub[]>;
  node(name: string, through?: ClusterMachine): Promise<NodeStub>;
  allocations(job: string, through?: ClusterMachine): Promise<Allocation[]>;
  running(job: string): Promise<Allocation[]>;
  /** Resolves when exactly one process of it runs anywhere, the servers say so too, and its service is there; with that allocation. */
  settled(job: string, through?: ClusterMachine): Promise<Allocation[]>;
  follower(): Promise<ClusterMachine>;
  allFollow(): Promise<boolean>;
  allReady(): Promise<boolean>;
  /** What the agents said last, when it fails. */
  explain(t: TestContext, body: () => Promise<void>): Promise<void>;
}

async function startCluster(t: TestContext): Promise<Cluster> {
  const world = await startClusterWorld(t, { machines: [...SERVERS, ...CLIENTS] });
  const servers = SERVERS.map((name) => world.machine(name));
  const first = servers.map(({ address }) => address);
  const processes = new Map<string, MachineProcess>();
  let failed = false;
  const quoted = (addresses: readonly string[], port = "") => JSON.stringify(addresses.map((each) => `${each}${port}`));
  const serverFile = (join: readonly string[]) => `server {
  enabled           = true
  bootstrap_expect  = 3
  min_heartbeat_ttl = "1s"
  heartbeat_grace   = "3s"
  server_join { retry_join = ${quoted(join, ":4648")} }
}
`;
  const clientFile = `client {
  enabled = true
  servers = ${quoted(first)}
  dns { port = 0 }
}
plugin "raw_exec" {
  config { enabled = true }
}
`;
  const at = (through: ClusterMachine | undefined) => through ?? (servers[0] as ClusterMachine);
  const ask = async <T>(path: string, through?: ClusterMachine) => at(through).get<T>(path);
  const cluster: Cluster = {
    world,
    servers,
    process(name) {
      const found = processes.get(name);
      assert.ok(found, `no process of ${name}`);
      return found;
    },
    start(name, join = first) {
      const files = SERVERS.includes(name) ? { "server.hcl": serverFile(join) } : { "client.hcl": clientFile };
      processes.set(name, world.machine(name).agent(files));
    },
    async run(job, through) {
      const answer = await at(through).request("/v1/jobs", { method: "PUT", body: { Job: job } });
      assert.equal(answer.status, 200, answer.text);
    },
    async purge(job) {
      assert.equal((await at(undefined).request(`/v1/job/${job}?purge=true`, { method: "DELETE" })).status, 200);
    },
    async eligible(name, eligible) {
      const { ID } = await cluster.node(name);
      const body = { NodeID: ID, Eligibility: eligible ? "eligible" : "ineligible" };
      assert.equal((await at(undefined).request(`/v1/node/${ID}/eligibility`, { method: "PUT", body })).status, 200);
    },
    nodes: (through) => ask("/v1/nodes", through),
    async node(name, through) {
      const found = (await cluster.nodes(through)).filter((each) => each.Name === name);
      assert.equal(found.length, 1, `nodes called ${name}`);
      return found[0] as NodeStub;
    },
    allocations: (job, through) => ask(`/v1/job/${job}/allocations?all=true`, through),
    running: async (job) =>
      (await cluster.allocations(job)).filter((each) => each.ClientStatus === "running" && each.DesiredStatus === "run"),
    settled(job, through) {
      let problem = "";
      return eventually(
        `${job} to run once, with its service`,
        async () => {
          const wanted = (await cluster.allocations(job, through)).filter(
            (each) => each.DesiredStatus === "run" && each.ClientStatus === "running",
          );
          const services = await ask<{ AllocID: string }[]>(`/v1/service/${job}`, through);
          const processes: string[] = [];
          for (const name of CLIENTS) {
            const found = processesOf(await world.machine(name).pids()).get(`${job}.g[0]`) ?? [];
            for (const { allocation } of found) processes.push(`${name} ${allocation}`);
          }
          problem = JSON.stringify({
            wanted: wanted.map((each) => `${each.NodeName} ${each.ID}`),
            processes,
            services: services.map((each) => each.AllocID),
          });
          const [only] = wanted;
          const once = wanted.length === 1 && processes.length === 1 && services.length === 1;
          return once && processes[0] === `${only?.NodeName} ${only?.ID}` && services[0]?.AllocID === only?.ID ? wanted : undefined;
        },
        BACK_MS,
      ).catch((error: unknown) => assert.fail(`${String(error)}: ${problem}`));
    },
    async follower() {
      const leader = JSON.parse((await servers[0]?.request("/v1/status/leader"))?.text ?? '""') as string;
      const found = servers.findLast((each) => !leader.startsWith(`${each.address}:`));
      assert.ok(found);
      return found;
    },
    async allFollow() {
      const leaders = await Promise.all(servers.map((each) => each.request("/v1/status/leader").then(({ text }) => text)));
      const indexes = await Promise.all(servers.map((each) => each.request("/v1/nodes").then(({ status }) => status)));
      const address = JSON.parse(leaders[0] as string) as string;
      const here = servers.some((each) => address.startsWith(`${each.address}:`));
      return here && leaders.every((each) => each === leaders[0]) && indexes.every((status) => status === 200);
    },
    async allReady() {
      const nodes = await cluster.nodes();
      return nodes.length === CLIENTS.length && nodes.every(({ Status }) => Status === "ready");
    },
    async explain(each, body) {
      if (failed) return each.skip("a step before failed");
      try {
        await body();
      } catch (error) {
        failed = true;
        for (const [name, process] of processes) each.diagnostic(`${name}:\n${lastWords(process)}`);
        throw error;
      }
    },
  };
  for (const name of [...SERVERS, ...CLIENTS]) cluster.start(name);
  await cluster.explain(t, async () => {
    await eventually("three servers with a leader", () => cluster.allFollow(), BACK_MS);
    await eventually("three nodes", () => cluster.allReady(), BACK_MS);
  });
  return cluster;
}

/** A request that servers must answer. */
async function reachesServer(client: ClusterMachine): Promise<boolean> {
  const answer = await client.request("/v1/nodes");
  return answer.status === 200;
}

interface TaskProcess {
  readonly pid: number;
  readonly allocation: string;
}

/** Main processes of tasks by the names of their allocations ("web.g[0]"). */
function processesOf(pids: readonly number[]): Map<string, TaskProcess[]> {
  const found = new Map<string, TaskProcess[]>();
  for (const pid of pids) {
    if (!commandOf(pid).startsWith("/bin/sleep 100000")) continue;
    const environment = new Map(
      read(`/proc/${pid}/environ`)
        .split("\0")
        .map((each) => [each.split("=")[0] ?? "", each.slice(each.indexOf("=") + 1)]),
    );
    const [name, allocation] = [environment.get("NOMAD_ALLOC_NAME"), environment.get("NOMAD_ALLOC_ID")];
    if (name === undefined || allocation === undefined) continue;
    found.set(name, [...(found.get(name) ?? []), { pid, allocation }]);
  }
  return found;
}

const commandOf = (pid: number): string => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ");

/** "": it is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const countOf = (process: MachineProcess, words: string): number => process.output().split(words).length - 1;
