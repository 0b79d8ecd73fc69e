/** The pure parts of the commands for nodes and operators, and what they say when something is wrong. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { createHash } from "node:crypto";
import { DEFAULT_SCHEDULER_CONFIGURATION, type Allocation } from "#model";
import type { NodeDetail } from "#api/contract";
import { ApiError } from "#api/client";
import { tarOf } from "#std";
import { AWAITED_COMMANDS, explainAwaited } from "../../../../src/cli/commands/awaited.ts";
import { agentProblems, check } from "../../../../src/cli/commands/check.ts";
import { pickAction } from "../../../../src/cli/commands/job-action.ts";
import { nodeMetaApply } from "../../../../src/cli/commands/node-meta.ts";
import { changedConfiguration, operatorSchedulerSetConfig } from "../../../../src/cli/commands/operator-scheduler.ts";
import { operatorAutopilotHealth } from "../../../../src/cli/commands/operator-servers.ts";
import { readSnapshot } from "../../../../src/cli/commands/operator-snapshot.ts";
import { serverForceLeave } from "../../../../src/cli/commands/server-join.ts";
import { COMMANDS } from "../../../../src/cli/commands/table.ts";
import { parseFlags } from "../../../../src/cli/flags.ts";
import { deviceTable } from "../../../../src/cli/render/node.ts";
import { answered, fakeContext } from "../fake-context.ts";

test("no command is both there and awaited, and none is awaited twice", () => {
  const names = AWAITED_COMMANDS.map((each) => each.name);
  assert.deepEqual(
    names.filter((name, at) => Object.hasOwn(COMMANDS, name) || names.indexOf(name) !== at),
    [],
  );
});

for (const [words, said] of [
  ["volume -h", /^drover: "volume" is not in this version/],
  ["quota list", /belongs to Nomad Enterprise/],
  ["operator raft state x", /will not come: Drover writes no Raft/],
  ["volume claim list -json", /"volume claim list" is not/],
] as const) {
  test(`"${words}" is answered by name`, () => assert.match(explainAwaited(words.split(" "), Object.keys(COMMANDS)) ?? "", said));
}

for (const words of ["node", "operator", "node pool", "nothing", "job run", ""]) {
  test(`"${words}" is not awaited`, () => assert.equal(explainAwaited(words.split(" "), Object.keys(COMMANDS)), undefined));
}

const configuration = (...words: string[]) =>
  changedConfiguration(DEFAULT_SCHEDULER_CONFIGURATION, parseFlags(words, operatorSchedulerSetConfig.flags));

test("changedConfiguration() changes what is named and nothing else", () => {
  assert.deepEqual(configuration(), DEFAULT_SCHEDULER_CONFIGURATION);
  assert.deepEqual(configuration("-scheduler-algorithm=spread", "-preempt-system-scheduler=false", "-pause-eval-broker"), {
    ...DEFAULT_SCHEDULER_CONFIGURATION,
    SchedulerAlgorithm: "spread",
    PauseEvalBroker: true,
    PreemptionConfig: { ...DEFAULT_SCHEDULER_CONFIGURATION.PreemptionConfig, SystemSchedulerEnabled: false },
  });
  assert.throws(() => configuration("-scheduler-algorithm=fair"), /want binpack or spread/);
});

test("set-config that lost a race says so with exit code 1", async () => {
  const { context, complained } = fakeContext({
    words: ["-check-index", "3"],
    flags: operatorSchedulerSetConfig.flags,
    api: {
      system: {
        schedulerConfiguration: async () => answered({ SchedulerConfig: { ...DEFAULT_SCHEDULER_CONFIGURATION, ModifyIndex: 5 }, Index: 5 }),
        setSchedulerConfiguration: async () => answered({ Updated: false, Index: 5 }),
      },
    },
  });
  assert.equal(await operatorSchedulerSetConfig.run(context), 1);
  assert.match(complained.join(), /could not be atomically updated: its modify index is 5/);
});

test("agentProblems() compares what the agent knows with what is wanted", () => {
  const stats = { raft: { num_peers: "0" }, client: { known_servers: "1" } };
  assert.deepEqual(agentProblems(stats, { minPeers: 0, minServers: 1 }), []);
  assert.deepEqual(agentProblems(stats, { minPeers: 2, minServers: 3 }), [
    "known peers: 0, less than expected number of peers: 2",
    "known servers: 1, less than expected number of servers: 3",
  ]);
  assert.deepEqual(agentProblems({ raft: {} }, { minPeers: 2, minServers: 1 }), []);
  assert.deepEqual(agentProblems({}, { minPeers: 0, minServers: 1 }), ["the agent is neither a server nor a node"]);
});

test("check of an agent that does not answer is critical", async () => {
  const { context, complained } = fakeContext({ flags: check.flags, api: { agent: { self: () => Promise.reject(new Error("refused")) } } });
  assert.equal(await check.run(context), 2);
  assert.deepEqual(complained, ["Unable to query agent info: refused"]);
});

test("servers that are not well are shown, not complained about", async () => {
  const body = { Healthy: false, FailureTolerance: 0, Leader: "", Voters: [], Servers: [] };
  const { context, printed } = fakeContext({
    flags: operatorAutopilotHealth.flags,
    api: { system: { autopilotHealth: () => Promise.reject(new ApiError(429, JSON.stringify(body))) } },
  });
  assert.equal(await operatorAutopilotHealth.run(context), 0);
  assert.match(printed[0] ?? "", /^Healthy +=/);
});

const ACTIONS = [
  { Name: "dump", Command: "dump", Args: [], TaskName: "db", TaskGroupName: "a" },
  { Name: "dump", Command: "dump", Args: [], TaskName: "db", TaskGroupName: "b" },
  { Name: "flush", Command: "flush", Args: [], TaskName: "cache", TaskGroupName: "a" },
];
const anywhere = { group: undefined, task: undefined };

test("pickAction() finds the only one, and lists what there is when it cannot", () => {
  assert.equal(pickAction(ACTIONS, "flush", anywhere), ACTIONS[2]);
  assert.equal(pickAction(ACTIONS, "dump", { group: "b", task: undefined }), ACTIONS[1]);
  assert.throws(() => pickAction(ACTIONS, "dump", anywhere), { code: "ACTION_AMBIGUOUS", message: /dump +a +db\ndump +b +db/ });
  assert.throws(() => pickAction(ACTIONS, "flush", { group: undefined, task: "db" }), { code: "ACTION_UNKNOWN" });
  assert.throws(() => pickAction([], "flush", anywhere), /the job has none/);
});

test("node meta apply sets, keeps = in values, and takes away", async () => {
  let asked: unknown[] = [];
  const { context } = fakeContext({
    words: ["-unset", "old, older", "a=b=c", "d="],
    flags: nodeMetaApply.flags,
    api: { nodes: { changeMetadata: async (...given: unknown[]) => ((asked = given), answered({})) } },
  });
  assert.equal(await nodeMetaApply.run(context), 0);
  assert.deepEqual(asked, ["", { old: null, older: null, a: "b=c", d: "" }]);
});

test("deviceTable() says which instances somebody has", () => {
  const instance = (ID: string, Healthy = true) => ({ ID, Healthy, HealthDescription: Healthy ? "" : "hot", Locality: null });
  const Devices = [{ Vendor: "v", Type: "gpu", Name: "n", Instances: [instance("1"), instance("2", false)], Attributes: {} }];
  const node = { NodeResources: { Devices } } as unknown as NodeDetail;
  const holder = (status: string) =>
    ({
      DesiredStatus: "run",
      ClientStatus: status,
      AllocatedResources: { Tasks: { t: { Devices: [{ Vendor: "v", Type: "gpu", Name: "n", DeviceIDs: ["1"] }] } } },
    }) as unknown as Allocation;
  const rows = (all: readonly Allocation[]) => (deviceTable(node, all) ?? "").split("\n").slice(1);
  assert.deepEqual(rows([holder("running")]), ["v/gpu/n  1   true         true", "v/gpu/n  2   false (hot)  false"]);
  assert.match(rows([holder("complete")])[0] ?? "", /false$/);
  assert.equal(deviceTable({ NodeResources: { Devices: [] } } as unknown as NodeDetail, []), undefined);
});

test("readSnapshot() reads what it wrote, and refuses what is cut off or changed", () => {
  const folder = mkdtempSync(join(tmpdir(), "drover-snapshot-"));
  try {
    const meta = Buffer.from(JSON.stringify({ ID: "1-2-3", Index: 2, Term: 1, Version: 1, Created: "now" }));
    const sum = createHash("sha256").update(meta).digest("hex");
    const pack = (content: Buffer) =>
      gzipSync(
        tarOf(
          [
            { name: "meta.json", content },
            { name: "SHA256SUMS", content: Buffer.from(`${sum}  meta.json\n`) },
          ],
          0,
        ),
      );
    const file = join(folder, "a.snap");
    writeFileSync(file, pack(meta));
    assert.equal(readSnapshot(file).meta.ID, "1-2-3");
    writeFileSync(file, pack(meta).subarray(0, -20));
    assert.throws(() => readSnapshot(file), { code: "SNAPSHOT_INVALID" });
    writeFileSync(file, pack(Buffer.from(meta.toString().replace("1-2-3", "1-2-4"))));
    assert.throws(() => readSnapshot(file), { message: /meta\.json is not what its checksum says/ });
    writeFileSync(file, "no archive");
    assert.throws(() => readSnapshot(file), { code: "SNAPSHOT_INVALID" });
    assert.throws(() => readSnapshot(join(folder, "nope")), { message: /no such file/ });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("server force-leave of a name no server has says so: a typing error does not look like success", async () => {
  const asked: unknown[] = [];
  const api = {
    agent: { members: async () => answered({ Members: [{ Name: "s1.global", Tags: { region: "global" } }] }) },
    request: { put: async (_path: string, _body: unknown, { parameters }: { parameters: unknown }) => void asked.push(parameters) },
  };
  const leave = async (name: string) => {
    const fake = fakeContext({ words: ["-prune", name], flags: serverForceLeave.flags, api });
    return [await serverForceLeave.run(fake.context), fake.complained.join()];
  };
  assert.deepEqual(await leave("nosuch"), [0, 'No server is called "nosuch": nothing was done. Known are s1.global']);
  assert.deepEqual(await leave("s1.global"), [0, ""]);
  assert.deepEqual(await leave("s1"), [0, ""]);
  assert.deepEqual(asked.at(-1), { node: "s1", prune: true });
});
