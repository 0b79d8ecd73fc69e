/**
 * The tutorial of the field: three servers from the three-line configuration, each on a machine of its own; one dies and comes back; one joins by
 * command and leaves; nodes come by configuration and by command; what runs is reached through every agent, also while the leader changes; all
 * addresses change. Steps follow each other on the same machines.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { lastWords, startClusterWorld, type ClusterMachine, type ClusterWorld, type MachineProcess } from "./parts/cluster-world.ts";
import { testScale } from "../scale.ts";
import { eventually } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const step = { skip: SKIP, timeout: 180_000 };
const JOB = `job "talk" {
  group "g" {
    count = 2
    constraint {
      distinct_hosts = true
    }
    update {
      min_healthy_time = "0s"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo here is $(hostname); n=0; while true; do n=$((n+1)); echo line $n; sleep 0.2; done"]
      }
      resources {
        cpu    = 50
        memory = 50
      }
    }
  }
}
`;

let world: ClusterWorld;
let servers: readonly ClusterMachine[];
const agents = new Map<string, MachineProcess>();
const afters: (() => Promise<void>)[] = [];

before(async () => {
  if (SKIP) return;
  world = await startClusterWorld({ after: (remove) => void afters.push(remove) }, { machines: ["s1", "s2", "s3", "c1", "c2"] });
  servers = world.machines.slice(0, 3);
});
after(async () => {
  for (const remove of afters) await remove();
});

test("three servers with the three-line configuration see each other, one leads, and no node is there", step, async () => {
  const began = performance.now();
  for (const server of servers) start(server, { "server.hcl": serverFile([servers[0] as ClusterMachine]) });
  await Promise.all(servers.map((server) => server.answers(40_000)));
  await leaderOf(servers);
  report("from nothing to a leader", began);
  for (const server of servers) {
    const members = await eventually(`${server.name} to see all`, async () => {
      const rows = await membersOf(server);
      return rows.filter(({ leads }) => leads).length === 1 && rows.every(({ status }) => status === "alive") && rows.length === 3 && rows;
    });
    assert.deepEqual(
      members.map(({ name }) => name),
      ["s1.global", "s2.global", "s3.global"],
    );
    assert.deepEqual(
      members.map(({ address }) => address),
      servers.map(({ address }) => address),
    );
  }
  assert.equal((await must(servers[1], "node", "status")).stdout, "No nodes registered\n");
});

test("nodes appear: one whose configuration names a server, one that is told", step, async () => {
  const [s1, s2, s3] = three();
  const [c1, c2] = nodes();
  start(c1, { "client.hcl": clientFile(`servers = ["${s1.address}:4647"]`) });
  start(c2, { "client.hcl": clientFile("") });
  await c2.answers(40_000);
  await readyNodes(s3, ["c1"]);
  const lost = await c2.cli("node", "status");
  assert.equal(lost.code, 1);
  assert.match(lost.stderr, /^Error: No cluster leader\nThis agent runs no server, and its node is connected to none/);
  assert.equal((await must(c2, "node", "config", "-update-servers", s2.address)).stdout, "Updated server list\n");
  await readyNodes(s3, ["c1", "c2"]);
  // Each is told of all servers, by the one it is connected to.
  for (const [node, server] of [
    [c1, s1],
    [c2, s2],
  ] as const)
    await eventually(`${node.name} to know all servers`, async () => {
      const { stdout } = await must(node, "node", "config", "-servers");
      return stdout.startsWith(`${server.address}:4647\n`) && servers.every(({ address }) => stdout.includes(`${address}:4647\n`));
    });
});

test("leadership goes to the server that is named, asked of any server; naming the leader changes nothing", step, async () => {
  const [s1] = three();
  const leader = await leaderOf(servers);
  const [second, third] = servers.filter((each) => each !== leader) as [ClusterMachine, ClusterMachine];
  const peers = async (): Promise<readonly { readonly id: string; readonly address: string; readonly leads: boolean }[]> =>
    (await must(s1, "operator", "raft", "list-peers")).stdout
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((row) => row.split(/ +/))
      .map(([, id = "", address = "", state]) => ({ id, address, leads: state === "leader" }));
  const idOf = async (machine: ClusterMachine): Promise<string> =>
    (await peers()).find(({ address }) => address === `${machine.address}:4647`)?.id ?? assert.fail(`${machine.name} is no peer`);
  // By id, typed at the one that is to lead; by address, typed at a third; twice back and forth.
  for (const [to, at, which] of [
    [third, third, ["-peer-id", await idOf(third)]],
    [second, leader, ["-peer-address", `${second.address}:4647`]],
    [third, second, ["-peer-id", await idOf(third)]],
    [leader, second, ["-peer-id", await idOf(leader)]],
    [leader, third, ["-peer-id", await idOf(leader)]],
  ] as const) {
    const began = performance.now();
    await must(at, "operator", "raft", "transfer-leadership", ...which);
    await eventually(`${to.name} to lead`, async () => (await peers()).find(({ leads }) => leads)?.address === `${to.address}:4647`);
    assert.equal(await leaderOf(servers), to);
    report(`leadership to ${to.name}`, began);
  }
  const absent = await s1.cli("operator", "raft", "transfer-leadership", "-peer-id", "ffffffff-0000-0000-0000-000000000000");
  assert.deepEqual([absent.code, /no server "ffffffff/.test(absent.stderr)], [1, true]);
  assert.equal(await leaderOf(servers), leader);
});

test("a job runs, and logs, exec, fs and stats reach it through every server and every node", step, async () => {
  const [, s2, s3] = three();
  const ran = await s3.host.run("sh", ["-c", `cat > ${s3.folder}/talk.nomad.hcl`], { input: JOB });
  assert.equal(ran.code, 0);
  assert.match((await must(s3, "job", "run", `${s3.folder}/talk.nomad.hcl`)).stdout, /Deployment "[0-9a-f]{8}" successful$/m);
  assert.match((await must(s2, "job", "why", "talk")).stdout, /^All 2 run$/m);
  const running = await allocationsOf(s2);
  const ids = await s2.get<readonly { ID: string; Name: string }[]>("/v1/nodes");
  for (const [node, id] of running)
    for (const machine of world.machines) {
      const through = `${machine.name} to ${node}`;
      const [exec, logs, files, usage, host] = await Promise.all([
        must(machine, "alloc", "exec", id, "hostname"),
        machine.request(`/v1/client/fs/logs/${id}?task=t&type=stdout&plain=true`),
        machine.get<readonly { Name: string }[]>(`/v1/client/fs/ls/${id}?path=/`),
        machine.get<{ Tasks: Record<string, unknown> }>(`/v1/client/allocation/${id}/stats`),
        machine.get<{ Uptime: number }>(`/v1/client/stats?node_id=${ids.find(({ Name }) => Name === node)?.ID}`),
      ]);
      assert.equal(exec.stdout, `${node}\n`, through);
      assert.match(logs.text, new RegExp(`^here is ${node}\nline 1\n`), through);
      assert.ok(files.some(({ Name }) => Name === "alloc") && files.some(({ Name }) => Name === "t"), through);
      assert.deepEqual(Object.keys(usage.Tasks), ["t"], through);
      assert.ok(host.Uptime > 0, through);
    }
});

test("the leader's machine dies: another leads, it is shown failed within 20 s, and what is watched goes on", step, async () => {
  const leader = await leaderOf(servers);
  const survivors = servers.filter((each) => each !== leader);
  // c1 hangs on s1 and c2 on s2: one of them keeps its server, and is watched through the other that stays.
  const [c1, c2] = nodes();
  const node = leader === servers[0] ? c2 : c1;
  const via = survivors.find((each) => each !== servers[node === c1 ? 0 : 1]) as ClusterMachine;
  const id = (await allocationsOf(via)).get(node.name) ?? "";
  const follow = via.spawn(["alloc", "logs", "-f", id], { environment: { NOMAD_ADDR: `http://${via.address}:4646` } });
  const session = via.spawn(["alloc", "exec", id, "sh", "-c", "n=0; while true; do n=$((n+1)); echo tick $n; sleep 0.2; done"], {
    environment: { NOMAD_ADDR: `http://${via.address}:4646` },
  });
  await eventually("both to print", () => lastNumber(follow, "line") > 0 && lastNumber(session, "tick") > 0);
  const began = performance.now();
  await leader.cut();
  await leader.kill9();
  const [wrote, failed, led] = await Promise.all([
    eventually("a write to be accepted", () => writes(via, "first"), 20_000).then(() => report("leader's machine dead: next write", began)),
    eventually(`${leader.name} to be shown failed`, async () => statusOf(await seenBy(via), leader) === "failed", 20_000).then(() =>
      report("leader's machine dead: shown failed", began),
    ),
    leaderOf(survivors, leader).then(() => report("leader's machine dead: another leads", began)),
  ]);
  assert.ok(Math.max(wrote, failed, led) < 20_000, `${wrote} ms, ${failed} ms, ${led} ms`);
  const marks = [lastNumber(follow, "line"), lastNumber(session, "tick")] as const;
  await eventually("both to go on", () => lastNumber(follow, "line") > marks[0] + 3 && lastNumber(session, "tick") > marks[1] + 3);
  assert.ok(follow.isRunning() && session.isRunning());
  await Promise.all([follow.end("SIGKILL"), session.end("SIGKILL")]);
  for (const survivor of survivors) {
    const rows = await membersOf(survivor);
    assert.deepEqual(
      rows.map(({ name, status }) => [name.slice(0, 2), status]),
      servers.map((each) => [each.name, each === leader ? "failed" : "alive"]),
    );
    assert.equal(rows.filter(({ leads }) => leads).length, 1);
  }
  // Also the node that hung on the dead server.
  for (const [name, allocation] of await allocationsOf(via))
    await eventually(
      `${name} to be reached again`,
      async () => (await via.cli("alloc", "exec", allocation, "hostname")).stdout === `${name}\n`,
    );
  await readyNodes(via, ["c1", "c2"]);
  const returned = performance.now();
  await leader.heal();
  start(leader);
  await eventually(`${leader.name} to read what was written without it`, () => reads(leader, "first"), 30_000);
  report("machine started again: reads", returned);
  for (const server of servers)
    await eventually(`${server.name} to see all alive`, async () => (await seenBy(server)).every(({ Status }) => Status === "alive"));
  assert.deepEqual(await nodeEvents(via), ["Node registered", "Node registered"], "no node was marked down");
});

test("a fourth server joins by command and is forced to leave; one leaves when its agent ends", step, async () => {
  const [s1, s2, s3] = three();
  const s4 = await world.add("s4");
  start(s4, { "server.hcl": serverFile([]), "leave.hcl": "leave_on_terminate = true\n" });
  await s4.answers(40_000);
  let began = performance.now();
  const alone = await membersOf(s4);
  assert.deepEqual([alone.length, alone[0]?.leads], [1, false]);
  assert.match((await s4.cli("node", "status")).stderr, /^Error: No cluster leader/);
  assert.equal((await must(s4, "server", "join", s1.address)).stdout, "Joined 1 servers successfully\n");
  await eventually("s4 to read", () => reads(s4, "first"), 30_000);
  report("joined by command: reads", began);
  for (const server of [s2, s4])
    await eventually(`${server.name} to see four alive`, async () => {
      const rows = await membersOf(server);
      return rows.length === 4 && rows.every(({ status }) => status === "alive");
    });
  assert.match((await must(s4, "operator", "raft", "list-peers")).stdout, /^s4\.global +\S+ +\S+:4647 +follower +true/m);

  await s4.cut();
  await s4.kill9();
  await eventually("s4 to be shown failed", async () => statusOf(await seenBy(s1), s4) === "failed", 20_000);
  await must(s2, "server", "force-leave", "s4.global");
  await eventually("s4 to be shown as left", async () => statusOf(await seenBy(s1), s4) === "left");
  await must(s3, "server", "force-leave", "-prune", "s4.global");
  await eventually("s4 to be gone", async () => statusOf(await seenBy(s1), s4) === undefined);
  // Consul's leader counts one that returns after it was forced to leave once a minute at the latest: not for the gate.
  const returns = testScale() >= 10;
  const last = returns ? s4 : await world.add("s5");
  began = performance.now();
  if (returns) {
    await s4.heal();
    start(s4);
  } else {
    start(last, { "server.hcl": serverFile([]), "leave.hcl": "leave_on_terminate = true\n" });
    await last.answers(40_000);
    await must(last, "server", "join", s1.address);
  }
  await eventually(`${last.name} to read`, () => reads(last, "first"), 75_000);
  report(returns ? "forced to leave and started again: reads" : "another: reads", began);
  await eventually(`${last.name} to be alive`, async () => statusOf(await seenBy(s1), last) === "alive");

  began = performance.now();
  assert.equal(await agents.get(last.name)?.end("SIGTERM"), 0);
  report("left", began);
  assert.equal(statusOf(await seenBy(s1), last), "left");
  assert.deepEqual(await last.pids(), [], "its Consul ended with it");
  await eventually("a write without it", () => writes(s2, "second"));
});

test("all addresses change: what was there is there, one leads within 30 s, and tasks run on", step, async () => {
  const [s1] = three();
  const pids = await processesOfTasks();
  assert.equal(pids.length, 2);
  await Promise.all(servers.map((server) => server.kill9()));
  for (const server of servers) await server.readdress();
  const began = performance.now();
  for (const server of servers) start(server, { "server.hcl": serverFile(servers) });
  await leaderOf(servers);
  assert.ok(report("all addresses changed: a leader", began) < 30_000);
  for (const server of servers)
    await eventually(`${server.name} to read`, async () => (await reads(server, "first")) && (await reads(server, "second")), 30_000);
  for (const server of servers)
    await eventually(`${server.name} to see all at their new addresses`, async () => {
      const alive = (await seenBy(server)).filter(({ Status }) => Status === "alive");
      return alive.length === 3 && servers.every(({ address }) => alive.some(({ Addr }) => Addr === address));
    });
  // The nodes know the old addresses only: they are told.
  for (const node of nodes()) await must(node, "node", "config", "-update-servers", s1.address);
  await readyNodes(s1, ["c1", "c2"]);
  // Nobody took them for down meanwhile, so that ready does not say connected.
  for (const node of nodes())
    await eventually(`${node.name} to be connected`, async () => (await node.cli("job", "why", "talk")).stdout.startsWith("All 2 run\n"));
  report("all addresses changed: nodes are connected", began);
  assert.deepEqual(await processesOfTasks(), pids, "no task was started again");
});

test("servers without retry_join are joined by command, and gossip is encrypted", step, async (t) => {
  const other = await startClusterWorld(t, { machines: 3 });
  const [s1, s2, s3] = other.machines as readonly [ClusterMachine, ClusterMachine, ClusterMachine];
  const key = (await s1.cli("operator", "gossip", "keyring", "generate")).stdout.trim();
  const wrong = Buffer.alloc(32, 1).toString("base64");
  for (const [machine, encrypt] of [
    [s1, key],
    [s2, key],
    [s3, wrong],
  ] as const)
    start(machine, { "server.hcl": serverFile([], 2, `encrypt = "${encrypt}"`) });
  await Promise.all(other.machines.map((machine) => machine.answers(40_000)));
  assert.equal((await must(s1, "server", "join", `${s2.address}:4648`)).stdout, "Joined 1 servers successfully\n");
  await leaderOf([s1, s2]);
  const refused = await s3.cli("server", "join", s1.address);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^Error joining: /);
  assert.equal((await seenBy(s1)).length, 2);
  await writes(s2, "third");
  await s3.kill9();
  const data = `${s3.folder}/data`;
  await s3.host.must("sh", "-c", `rm -rf ${data} && mkdir ${data}`);
  const began = performance.now();
  start(s3, { "server.hcl": serverFile([s2], 3, `encrypt = "${key}"`) });
  await eventually("s3 to read", () => reads(s3, "third"), 40_000).catch(async (error: unknown) => {
    const consul = async (machine: ClusterMachine) =>
      `${machine.name}'s Consul: ${await machine.host.must("sh", "-c", `tail -n 30 $(find ${machine.folder} -name consul.log)`)}`;
    const runs = agents.get(s3.name)?.isRunning() === true ? "its agent runs" : "its agent has ended";
    assert.fail(`${String(error)}; ${runs}\n${wordsOf(s3)}\n${await consul(s3)}\n${await consul(s1)}\n${await consul(s2)}`);
  });
  report("with the right key: reads", began);
});

function serverFile(others: readonly ClusterMachine[], expect = 3, more = ""): string {
  const join =
    others.length === 0 ? "" : `server_join {\n    retry_join = [${others.map(({ address }) => `"${address}:4648"`).join(", ")}]\n  }`;
  return `server {\n  enabled = true\n  bootstrap_expect = ${expect}\n  ${join}\n  ${more}\n}\n`;
}

function clientFile(servers: string): string {
  return `client {\n  enabled = true\n  ${servers}\n  dns {\n    port = 0\n  }\n}\nplugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n`;
}

function start(machine: ClusterMachine, files?: Readonly<Record<string, string>>): void {
  agents.set(machine.name, machine.agent(files));
}

function three(): readonly [ClusterMachine, ClusterMachine, ClusterMachine] {
  return servers as readonly [ClusterMachine, ClusterMachine, ClusterMachine];
}

function nodes(): readonly [ClusterMachine, ClusterMachine] {
  return [world.machine("c1"), world.machine("c2")];
}

async function must(machine: ClusterMachine | undefined, ...words: readonly string[]) {
  assert.ok(machine);
  const result = await machine.cli(...words);
  assert.equal(result.code, 0, `${machine.name}: drover ${words.join(" ")}\n${result.stdout}${result.stderr}\n${wordsOf(machine)}`);
  return result;
}

function wordsOf(machine: ClusterMachine): string {
  const agent = agents.get(machine.name);
  return agent === undefined ? "" : lastWords(agent);
}

interface MemberRow {
  readonly name: string;
  readonly address: string;
  readonly status: string;
  readonly leads: boolean;
}

/** As `server members` shows them. */
async function membersOf(machine: ClusterMachine): Promise<readonly MemberRow[]> {
  const [head = "", ...rows] = (await must(machine, "server", "members")).stdout.trimEnd().split("\n");
  assert.match(head, /^Name +Address +Port +Status +Leader +Raft Version +Build +Datacenter +Region$/);
  return rows.map((row) => {
    const [name = "", address = "", port, status = "", leader] = row.split(/ +/);
    assert.equal(port, "4648");
    return { name, address, status, leads: leader === "true" };
  });
}

interface Member {
  readonly Name: string;
  readonly Addr: string;
  readonly Status: string;
}

async function seenBy(machine: ClusterMachine): Promise<readonly Member[]> {
  return (await machine.get<{ Members: readonly Member[] }>("/v1/agent/members", { timeoutMs: 3000 })).Members;
}

function statusOf(members: readonly Member[], machine: ClusterMachine): string | undefined {
  return members.find(({ Name }) => Name === `${machine.name}.global`)?.Status;
}

/** Once all of them say the same. */
async function leaderOf(among: readonly ClusterMachine[], notThis?: ClusterMachine): Promise<ClusterMachine> {
  return eventually(
    "a leader that all agree on",
    async () => {
      const said = await Promise.all(among.map((each) => each.get<string>("/v1/status/leader", { timeoutMs: 3000 })));
      const leader = among.find(({ address }) => said[0] === `${address}:4647`);
      return leader !== undefined && leader !== notThis && said.every((each) => each === said[0]) && leader;
    },
    40_000,
  ).catch((error: unknown) => assert.fail(`${String(error)}\n${among.map((each) => `${each.name}: ${wordsOf(each)}`).join("\n")}`));
}

async function readyNodes(machine: ClusterMachine, names: readonly string[]): Promise<void> {
  await eventually(
    `${names.join(" and ")} to be ready`,
    async () => {
      const { stdout } = await must(machine, "node", "status");
      const ready = [...stdout.matchAll(/^[0-9a-f]{8} +default +dc1 +(\S+) +<none> +false +eligible +ready$/gm)].map(([, name]) => name);
      return ready.toSorted().join() === names.join();
    },
    40_000,
  );
}

/** Name of the node → id of the allocation that runs there. */
async function allocationsOf(machine: ClusterMachine): Promise<ReadonlyMap<string, string>> {
  const all = await machine.get<readonly { ID: string; NodeName: string; ClientStatus: string }[]>("/v1/job/talk/allocations");
  return new Map(all.filter(({ ClientStatus }) => ClientStatus === "running").map(({ ID, NodeName }) => [NodeName, ID]));
}

/** Of all nodes, but for fingerprints. */
async function nodeEvents(machine: ClusterMachine): Promise<readonly string[]> {
  const stubs = await machine.get<readonly { ID: string }[]>("/v1/nodes");
  const details = await Promise.all(stubs.map(({ ID }) => machine.get<{ Events: readonly { Message: string }[] }>(`/v1/node/${ID}`)));
  return details.flatMap(({ Events }) => Events.map(({ Message }) => Message));
}

/** Process ids of the tasks' shells. */
async function processesOfTasks(): Promise<readonly number[]> {
  const found = await Promise.all(nodes().map((node) => node.host.run("pgrep", ["-f", "^/bin/sh -c echo here is"])));
  return [...new Set(found.flatMap(({ stdout }) => stdout.split("\n").filter(Boolean).map(Number)))].toSorted((one, two) => one - two);
}

async function writes(machine: ClusterMachine, name: string): Promise<boolean> {
  return (await machine.request(`/v1/var/${name}`, { method: "PUT", body: { Items: { by: machine.name } } })).status === 200;
}

async function reads(machine: ClusterMachine, name: string): Promise<boolean> {
  return (await machine.request(`/v1/var/${name}`)).status === 200;
}

/** N of the last "word N" it printed. */
function lastNumber(process: MachineProcess, word: string): number {
  return Number([...process.output().matchAll(new RegExp(`^${word} (\\d+)$`, "gm"))].at(-1)?.[1] ?? 0);
}

function report(what: string, began: number): number {
  const tookMs = Math.round(performance.now() - began);
  process.stdout.write(`# ${what}: ${tookMs} ms\n`);
  return tookMs;
}
