/**
 * Three servers and two nodes go over to a newer program, one after the other, while others write and a job runs. The log's format has one feature
 * level so far, so both programs are copies of this one with a few lines changed: the older is 0.0.9 and knows nothing of versions' tags, neither
 * the request nor the entry; to the newer such an entry is of level 2. One node comes with the newer program before the servers have it, the other
 * keeps the older one until all have.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../eventually.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type MachineProcess } from "./parts/cluster-world.ts";
import { commandOf } from "./parts/failover-cluster.ts";
import { otherProgram, type Change } from "./parts/other-program.ts";
import { put, startWriteLoad } from "./parts/write-load.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };
const BACK_MS = 60_000;

const TABLE = "src/state/commands/table.ts";
const OLDER: readonly Change[] = [
  { file: "src/std/version.ts", from: /drover: "[^"]+"/, to: 'drover: "0.0.9"' },
  { file: TABLE, from: '  "job-version-tag": { version: 1, apply: applyJobVersionTag },\n', to: "" },
  { file: "src/api/server/routes/table.ts", from: /\n {2}"job-version-tag": .*/, to: "" },
  { file: "src/api/contract/endpoints.ts", from: /\n {2}"job-version-tag": .*/, to: "" },
];
const NEWER: readonly Change[] = [
  { file: "src/std/version.ts", from: /drover: "[^"]+"/, to: 'drover: "0.1.1"' },
  { file: TABLE, from: "export const FEATURE_LEVEL = 1;", to: "export const FEATURE_LEVEL = 2;" },
  { file: TABLE, from: "const LEVELS: Partial<Record<CommandType, number>> = {};", to: 'const LEVELS = { "job-version-tag": 2 };' },
];

/** Of a leader that knows what is asked, and in words for one that does not. */
const LEVELS_DIFFER = /^Cannot write "job-version-tag": it needs feature level 2, the servers of this cluster have 1 in common/;
const REFUSAL = new RegExp(`${LEVELS_DIFFER.source}|^Cannot write "job-version-tag": the server that leads is of an older version`);

const JOB = {
  ID: "kept",
  Name: "kept",
  Type: "system",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "group",
      EphemeralDisk: { SizeMB: 10 },
      Tasks: [
        {
          Name: "task",
          Driver: "raw_exec",
          Config: { command: "/bin/sleep", args: ["86399"] },
          Resources: { CPU: 20, MemoryMB: 16 },
          LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
        },
      ],
    },
  ],
};

test(
  "servers and nodes are upgraded one after the other: what an old one could not read waits for the last, and nothing that runs or writes does",
  LIVE,
  async (t) => {
    const world = await startClusterWorld(t, { machines: ["s1", "s2", "s3", "c1", "c2"] });
    const older = otherProgram(join(world.folder, "older"), OLDER);
    const newer = otherProgram(join(world.folder, "newer"), NEWER);
    const [s1, s2, s3, c1, c2] = world.machines as [ClusterMachine, ClusterMachine, ClusterMachine, ClusterMachine, ClusterMachine];
    const servers = [s1, s2, s3];
    const processes = new Map<ClusterMachine, MachineProcess>();
    t.after(() => {
      if (!t.passed) for (const [machine, each] of processes) t.diagnostic(`${machine.name}: ${lastWords(each)}`);
    });
    const start = (machine: ClusterMachine, program: string, files?: Readonly<Record<string, string>>): MachineProcess => {
      const started = machine.agent(files, { program });
      processes.set(machine, started);
      return started;
    };
    const stop = async (machine: ClusterMachine): Promise<void> =>
      assert.equal(await processes.get(machine)?.end("SIGTERM"), 0, `${machine.name} ends well`);
    const server = `server {\n  enabled = true\n  bootstrap_expect = 3\n  server_join { retry_join = ["${s1.address}", "${s2.address}"] }\n}\n`;
    for (const each of servers) start(each, older, { "server.hcl": server });
    const client = `client {\n  enabled = true\n  servers = [${servers.map(({ address }) => `"${address}"`).join(", ")}]\n  dns { port = 0 }\n}
plugin "raw_exec" { config { enabled = true } }\n`;
    start(c1, older, { "client.hcl": client });
    start(c2, newer, { "client.hcl": client });
    for (const each of servers)
      await eventually(`${each.name} to write`, () => put(each, `first/${each.name}`).catch(() => undefined), BACK_MS);
    await eventually("two nodes", async () => (await ready(s1)).length === 2, BACK_MS);
    assert.equal((await s1.request("/v1/jobs", { method: "PUT", body: { Job: JOB } })).status, 200);
    const tasks = await eventually("two tasks", async () => whole(await running(s1)), BACK_MS);
    const sleepers = async (): Promise<readonly number[]> =>
      (await Promise.all([c1, c2].map((machine) => machine.pids()))).flat().filter((pid) => commandOf(pid) === "/bin/sleep 86399");
    const pids = await sleepers();
    assert.equal(pids.length, 2);
    const undisturbed = async (through: ClusterMachine): Promise<void> => {
      assert.deepEqual(await eventually("the tasks to be told", async () => whole(await running(through)), BACK_MS), tasks);
      assert.deepEqual(await sleepers(), pids);
      assert.equal((await ready(through)).length, 2);
    };
    const tag = (through: ClusterMachine) =>
      through.request("/v1/job/kept/versions/good/tag", { method: "PUT", body: { Version: 0, Description: "" }, timeoutMs: 20_000 });
    const said = new Set<string>();
    const refused = async (through: ClusterMachine, when: string, how = REFUSAL): Promise<void> => {
      const { status, text } = await tag(through);
      assert.equal(status, 409, `${when}: ${text}`);
      assert.match(text, how, when);
      said.add(text.trim());
    };
    assert.equal((await tag(s1)).status, 400, "the older program does not know what a tag is");

    const load = startWriteLoad(t, servers, 1);
    const leads = await leaderOf(servers);
    const order = [...servers.filter((each) => each !== leads), leads];
    const shown: string[] = [];
    for (const [number, each] of order.entries()) {
      const last = number === order.length - 1;
      const others = order.filter((other) => other !== each);
      await stop(each);
      const before = load.acknowledged;
      await eventually("writes to go on without it", () => load.acknowledged > before + 10, BACK_MS);
      if (last) await refused(others[0] as ClusterMachine, "the last old one is down, not upgraded", LEVELS_DIFFER);
      start(each, newer);
      await eventually(`${each.name} to write`, () => put(each, `upgraded/${each.name}`).catch(() => undefined), BACK_MS);
      await undisturbed(each);
      if (!last) await refused(each, `${each.name} is new, others are not`);
      shown.push((await membersSeen(others[0] as ClusterMachine)).join(" "));
    }
    t.diagnostic(`server members, step by step: ${shown.join(" | ")}`);
    assert.match(shown[0] ?? "", /0\.0\.9/);
    assert.match(shown[0] ?? "", /0\.1\.1/);
    for (const each of servers) {
      const answer = await eventually(
        `${each.name} to have it tagged`,
        async () => {
          const { status } = await tag(each);
          return status === 200 && status;
        },
        BACK_MS,
      );
      assert.equal(answer, 200);
      assert.equal((await each.request("/v1/job/kept/versions/good/tag", { method: "DELETE" })).status, 200);
    }

    t.diagnostic(`refused meanwhile: ${[...said].join(" | ")}`);

    // Nobody goes back by mistake.
    const [back] = order as [ClusterMachine];
    await stop(back);
    const old = start(back, older);
    await eventually("the older program to end", () => !old.isRunning());
    assert.notEqual(await old.ended, 0);
    assert.match(old.output(), /command "job-version-tag" version 1 is unknown to this program/);
    assert.match(old.output(), /Start the version of drover that wrote this log, or a newer one/);
    start(back, newer);
    await eventually(`${back.name} to write again`, () => put(back, "forward-again").catch(() => undefined), BACK_MS);

    // The node with the older program has lived with newer servers; now it follows.
    await undisturbed(s2);
    await stop(c1);
    start(c1, newer);
    await c1.answers();
    await undisturbed(s1);
    await load.stop();
    t.diagnostic(`${load.acknowledged} writes acknowledged, ${load.unanswered} not answered`);
    await load.verify(servers);
    for (const { ID } of await ready(s3)) {
      const node = await s3.get<{ Events: readonly { Message: string }[] }>(`/v1/node/${ID}`);
      const messages = node.Events.map(({ Message }) => Message);
      assert.deepEqual(
        messages.filter((message) => /missed|down|lost|reconnect/i.test(message)),
        [],
      );
    }
  },
);

interface Task {
  readonly allocation: string;
  readonly startedAt: string;
  readonly restarts: number;
}

async function running(through: ClusterMachine): Promise<readonly Task[]> {
  const answer = await through.request("/v1/job/kept/allocations?all=true", { timeoutMs: 20_000 });
  if (answer.status !== 200) return [];
  type Found = { ID: string; ClientStatus: string; TaskStates: Record<string, { StartedAt: string; Restarts: number }> | null };
  return answer
    .json<readonly Found[]>()
    .map(({ ID, ClientStatus, TaskStates }) => ({ ID, ClientStatus, state: TaskStates?.["task"] }))
    .filter(({ ClientStatus, state }) => ClientStatus === "running" && state !== undefined)
    .map(({ ID, state }) => ({ allocation: ID, startedAt: state?.StartedAt ?? "", restarts: state?.Restarts ?? 0 }))
    .toSorted((a, b) => (a.allocation < b.allocation ? -1 : 1));
}

const whole = (tasks: readonly Task[]): readonly Task[] | undefined => (tasks.length === 2 ? tasks : undefined);

async function ready(through: ClusterMachine): Promise<readonly { readonly ID: string }[]> {
  const answer = await through.request("/v1/nodes", { timeoutMs: 20_000 });
  if (answer.status !== 200) return [];
  return answer.json<readonly { ID: string; Status: string }[]>().filter(({ Status }) => Status === "ready");
}

async function leaderOf(servers: readonly ClusterMachine[]): Promise<ClusterMachine> {
  const address = await (servers[0] as ClusterMachine).get<string>("/v1/status/leader");
  const found = servers.find((each) => `${each.address}:4647` === address);
  assert.ok(found !== undefined, address);
  return found;
}

/** Versions as `server members -verbose` shows them, by server. */
async function membersSeen(through: ClusterMachine): Promise<readonly string[]> {
  const { stdout, stderr, code } = await through.cli("server", "members", "-verbose");
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => `${line.split(".")[0]} ${/\bdrover=([^,]*)/.exec(line)?.[1]}`);
}
