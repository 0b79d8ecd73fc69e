/**
 * The leader goes away while others write: killed, stopped, with its Consul; and what must not happen to what was written and to what runs. Then what
 * is no reason to go: a second in which it does something else.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { testScale } from "../scale.ts";
import { eventually } from "../eventually.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type ClusterWorld, type MachineProcess } from "./parts/cluster-world.ts";
import { put, startWriteLoad } from "./parts/write-load.ts";

const SOAK = testScale() >= 10;
const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: SOAK ? 1_800_000 : 240_000 };
const ROUNDS = SOAK ? 20 : 5;
const CLIENTS = SOAK ? ["c1", "c2", "c3"] : ["c1"];
/** Of the issue. */
const MEDIAN_MS = 2000;
const LONGEST_MS = 4000;
const WITH_CONSUL_MS = 5000;

interface Cluster {
  readonly world: ClusterWorld;
  readonly servers: readonly ClusterMachine[];
  readonly process: (machine: ClusterMachine) => MachineProcess;
  /** On the files of before. */
  readonly start: (machine: ClusterMachine) => void;
  readonly leader: (except?: ClusterMachine) => Promise<ClusterMachine>;
}

/** SIGUSR2 makes the main loop compute for as long as the file says, in milliseconds. */
const BUSY = `import { readFileSync } from "node:fs";
process.on("SIGUSR2", () => {
  const until = performance.now() + Number(readFileSync(process.env.BUSY_FILE, "utf8"));
  while (performance.now() < until);
});
`;

async function startCluster(t: TestContext, clients: readonly string[]): Promise<Cluster> {
  const world = await startClusterWorld(t, { machines: ["s1", "s2", "s3", ...clients] });
  const servers = world.machines.slice(0, 3);
  const processes = new Map<ClusterMachine, MachineProcess>();
  t.after(() => {
    if (!t.passed) for (const [machine, each] of processes) t.diagnostic(`${machine.name}: ${lastWords(each)}`);
  });
  const busy = join(world.folder, "busy.mjs");
  writeFileSync(busy, BUSY);
  writeFileSync(join(world.folder, "busy-ms"), "0");
  const environment = { NODE_OPTIONS: `--import=${busy}`, BUSY_FILE: join(world.folder, "busy-ms") };
  const start = (machine: ClusterMachine, files?: Readonly<Record<string, string>>): void =>
    void processes.set(machine, machine.agent(files, { environment }));
  const first = servers[0] as ClusterMachine;
  for (const machine of servers)
    start(machine, {
      "server.hcl": `server {\n  enabled = true\n  bootstrap_expect = 3\n  server_join { retry_join = ["${first.address}:4648"] }\n}`,
    });
  for (const name of clients)
    start(world.machine(name), {
      "client.hcl": `client {\n  enabled = true\n  servers = [${servers.map(({ address }) => `"${address}"`).join(", ")}]\n  dns { port = 0 }\n}
plugin "raw_exec" { config { enabled = true } }`,
    });
  for (const machine of world.machines) await machine.answers(90_000);
  const leader = (except?: ClusterMachine): Promise<ClusterMachine> =>
    eventually(
      "a leader",
      async () => {
        for (const server of servers) {
          if (server === except) continue;
          const { text, status } = await server.request("/v1/status/leader", { timeoutMs: 2000 });
          const found = servers.find(({ address }) => status === 200 && text === `"${address}:4647"`);
          if (found !== undefined && found !== except) return found;
        }
        return undefined;
      },
      90_000,
    );
  await leader();
  for (const server of servers) await eventually(`${server.name} to follow`, () => put(server, `follows/${server.name}`), 60_000);
  return { world, servers, leader, start: (machine) => start(machine), process: (machine) => processes.get(machine) as MachineProcess };
}

interface RunningTask {
  readonly allocation: string;
  readonly startedAt: string;
  readonly restarts: number;
}

const JOB = {
  ID: "sleepers",
  Name: "sleepers",
  Type: "service",
  Datacenters: ["dc1"],
  TaskGroups: [
    {
      Name: "group",
      Count: 3,
      Tasks: [
        {
          Name: "task",
          Driver: "raw_exec",
          Config: { command: "/bin/sleep", args: ["86400"] },
          Resources: { CPU: 20, MemoryMB: 16 },
        },
      ],
    },
  ],
};

async function tasks(server: ClusterMachine): Promise<readonly RunningTask[]> {
  const answer = await server.request("/v1/job/sleepers/allocations");
  if (answer.status !== 200) return [];
  type Found = { ID: string; ClientStatus: string; TaskStates: Record<string, { StartedAt: string; Restarts: number }> | null };
  return answer
    .json<readonly Found[]>()
    .map(({ ID, ClientStatus, TaskStates }) => ({ ID, ClientStatus, state: TaskStates?.["task"] }))
    .filter(({ ClientStatus, state }) => ClientStatus === "running" && state !== undefined)
    .map(({ ID, state }) => ({ allocation: ID, startedAt: state?.StartedAt ?? "", restarts: state?.Restarts ?? 0 }))
    .toSorted((a, b) => (a.allocation < b.allocation ? -1 : 1));
}

/** From now until the first write that is sent now is acknowledged, through whichever of them is quicker. */
async function nextWrite(servers: readonly ClusterMachine[], name: string): Promise<number> {
  const startedMs = performance.now();
  await Promise.any(servers.map((server) => put(server, `next/${name}-${server.name}`)));
  return performance.now() - startedMs;
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

const shown = (figures: readonly number[]): string => figures.map((each) => `${Math.round(each)}`).join(" ");

test("the leader is killed or stopped under a write load: the next write is taken in time, nothing is lost, doubled or disturbed", LIVE, async (t) => {
  const { world, servers, process: of, start, leader } = await startCluster(t, CLIENTS);
  const first = servers[0] as ClusterMachine;
  assert.equal((await first.request("/v1/jobs", { method: "PUT", body: { Job: JOB } })).status, 200);
  const before = await eventually("three tasks", async () => {
    const found = await tasks(first);
    return found.length === 3 ? found : undefined;
  }, 60_000);
  const pidsBefore = await sleepers(world);
  const load = startWriteLoad(servers, 2);
  const killed: number[] = [];
  const stopped: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const old = await leader();
    const others = servers.filter((each) => each !== old);
    const kills = round % 2 === 1;
    if (kills) await of(old).kill9();
    else of(old).stop();
    const tookMs = await nextWrite(others, `round-${round}`);
    (kills ? killed : stopped).push(tookMs);
    await leader(old);
    const seen = `seen/${round}`;
    const index = await put(others[0] as ClusterMachine, seen);
    if (kills) start(old);
    else of(old).cont();
    // It is told at once that it leads no more, or says that it cannot tell: what it answers is never from before.
    await eventually(`${old.name} to know what was written without it`, async () => {
      const answer = await old.request(`/v1/var/${seen}`, { timeoutMs: 5000 });
      assert.notEqual(answer.status, 404, `${old.name} answered from before`);
      return answer.status === 200 && answer.json<{ ModifyIndex: number }>().ModifyIndex === index;
    }, 60_000);
    assert.notEqual(await leader(), old, "a leader that was replaced does not lead on");
  }
  // What Drover does not depend on may go with it.
  const last = await leader();
  const consul = (await last.pids()).find((pid) => isConsul(pid));
  assert.ok(consul !== undefined, "no private Consul on the leader's machine");
  process.kill(consul, "SIGKILL");
  await of(last).kill9();
  const withConsulMs = await nextWrite(servers.filter((each) => each !== last), "with-consul");
  start(last);
  await last.answers(60_000);
  t.diagnostic(`next write after SIGKILL ${shown(killed)} ms; after SIGSTOP ${shown(stopped)} ms; its Consul killed with it ${shown([withConsulMs])} ms`);
  await load.stop();
  t.diagnostic(`${load.acknowledged} writes acknowledged, ${load.unanswered} not answered`);
  await load.verify(servers);
  assert.deepEqual(await tasks(first), before, "every task runs on as it did");
  assert.deepEqual(await sleepers(world), pidsBefore, "every process is the same");
  for (const { ID } of await first.get<readonly { ID: string }[]>("/v1/nodes")) {
    const node = await first.get<{ Status: string; Events: readonly { Message: string }[] }>(`/v1/node/${ID}`);
    assert.equal(node.Status, "ready");
    assert.deepEqual(node.Events.map(({ Message }) => Message).filter((message) => /missed|down|lost|reconnect/i.test(message)), []);
  }
  const all = [...killed, ...stopped];
  assert.ok(median(all) <= MEDIAN_MS, `median ${median(all)} ms`);
  assert.ok(Math.max(...all) <= LONGEST_MS, `longest ${Math.max(...all)} ms`);
  assert.ok(withConsulMs <= WITH_CONSUL_MS, `with its Consul ${withConsulMs} ms`);
});

test("a leader that is busy or held back for a second leads on, and so does one whose Consul is; one that hangs is replaced", LIVE, async (t) => {
  const { world, servers, process: of, leader } = await startCluster(t, []);
  const now = await leader();
  const epochs = (): number => [...servers].reduce((sum, each) => sum + of(each).output().split("leads now").length - 1, 0);
  // The first may have been busy with starting.
  const before = epochs();
  const holds = async (what: string): Promise<void> => {
    await put(servers.find((each) => each !== now) as ClusterMachine, `held/${what.replaceAll(" ", "-")}`);
    assert.equal(epochs(), before, what);
    assert.equal(await leader(), now, what);
  };
  writeFileSync(join(world.folder, "busy-ms"), "1800");
  for (let round = 0; round < 2; round++) {
    process.kill(of(now).pid, "SIGUSR2");
    await holds(`its main loop was busy ${round}`);
  }
  const consul = (await now.pids()).find((pid) => isConsul(pid));
  assert.ok(consul !== undefined);
  for (const [pid, lengthMs] of [[of(now).pid, 800], [consul, 500]] as const) {
    process.kill(pid, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, lengthMs));
    process.kill(pid, "SIGCONT");
    await holds(`${pid === consul ? "its Consul" : "it"} was stopped for ${lengthMs} ms`);
  }
  writeFileSync(join(world.folder, "busy-ms"), "8000");
  process.kill(of(now).pid, "SIGUSR2");
  const tookMs = await nextWrite(servers.filter((each) => each !== now), "hung");
  t.diagnostic(`next write after the main loop hung: ${shown([tookMs])} ms`);
  assert.notEqual(await leader(now), now);
  assert.ok(tookMs < 8000, `replaced before it turned again: ${tookMs} ms`);
});

async function sleepers(world: ClusterWorld): Promise<readonly number[]> {
  const pids = (await Promise.all(world.machines.map((machine) => machine.pids()))).flat();
  return pids.filter((pid) => commandOf(pid) === "/bin/sleep 86400").toSorted((a, b) => a - b);
}

const isConsul = (pid: number): boolean => /^\S*consul agent /.test(commandOf(pid));

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
