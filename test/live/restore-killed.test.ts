/**
 * Everything is replaced by a snapshot of two thousand jobs, and the leader is killed in the middle, when some of the snapshot is in the log and the
 * rest is not. What there is afterwards is what there was or what was to be, never a piece of each, on every server the same; and whoever asked knows.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../eventually.ts";
import { lastWords, type ClusterMachine } from "./parts/cluster-world.ts";
import { startThree } from "./parts/failover-cluster.ts";
import { appliedIndex, sameEverywhere } from "./parts/whole-state.ts";
import { put } from "./parts/write-load.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 480_000 };
const BACK_MS = 60_000;
const JOBS = 2000;
const AT_ONCE = 24;
/** Some 80 parts go through the log: this many are there when the leader is killed. */
const PARTS_BEFORE = 4;

test("the leader is killed in the middle of a restoration: all of it happened or nothing, and the command says which", LIVE, async (t) => {
  const { world, servers, process: of, start, leader } = await startThree(t);
  const [s1] = servers as [ClusterMachine];
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, worker) => {
      while (next < JOBS) await register(servers[worker % servers.length] as ClusterMachine, next++);
    }),
  );
  const file = join(world.folder, "before.snap");
  const saved = await s1.cli("operator", "snapshot", "save", file);
  assert.equal(saved.code, 0, saved.stderr);
  await put(s1, "after/snapshot");
  for (let extra = 0; extra < 5; extra++) await register(s1, JOBS + extra);

  const asked = async (through: (leads: ClusterMachine) => ClusterMachine): Promise<{ readonly code: number; readonly said: string }> => {
    const leads = await leader();
    const follower = servers.find((each) => each !== leads) as ClusterMachine;
    const machine = through(leads);
    const began = await appliedIndex(follower);
    const restoring = machine.spawn(["operator", "snapshot", "restore", `-address=http://${machine.address}:4646`, file]);
    await eventually(
      "some of it to be in the log",
      async () => !restoring.isRunning() || (await appliedIndex(follower)) >= began + PARTS_BEFORE,
      BACK_MS,
    );
    assert.ok(restoring.isRunning(), `it ended before the leader could be killed: ${lastWords(restoring)}`);
    await of(leads).kill9();
    const at = await appliedIndex(follower);
    const code = await restoring.ended;
    start(leads);
    await leads.answers(BACK_MS);
    for (const each of servers) await eventually(`${each.name} to follow`, () => jobsOn(each).catch(() => undefined), BACK_MS);
    t.diagnostic(`killed at index ${at} after ${began}; exit ${code}: ${lastWords(restoring).trim()}`);
    return { code, said: lastWords(restoring) };
  };

  // The server that reads the file goes with it: nobody can go on.
  const gone = await asked((leads) => leads);
  assert.notEqual(gone.code, 0);
  assert.doesNotMatch(gone.said, /Snapshot Restored/);
  for (const each of servers) assert.deepEqual(await found(each), { jobs: JOBS + 5, variables: ["after/snapshot"] }, each.name);
  await sameEverywhere(servers);
  for (const each of servers) assert.deepEqual(await partsInConsul(each), [], "no pieces lie in Consul");

  // Another server reads the file: it goes on with the next leader, or says that it did not.
  const retried = await asked((leads) => servers.find((each) => each !== leads) as ClusterMachine);
  const restored = { jobs: JOBS, variables: [] };
  if (retried.code !== 0) assert.match(retried.said, /^Error/m);
  for (const each of servers)
    assert.deepEqual(await found(each), retried.code === 0 ? restored : { jobs: JOBS + 5, variables: ["after/snapshot"] }, each.name);

  // And undisturbed, whatever the others left.
  await put(s1, "after/both");
  const whole = await s1.cli("operator", "snapshot", "restore", file);
  assert.equal(whole.code, 0, whole.stderr);
  for (const each of servers) assert.deepEqual(await found(each), restored, each.name);
  await sameEverywhere(servers);
  for (const each of servers) assert.deepEqual(await partsInConsul(each), [], "no pieces lie in Consul");
});

/** One that waits to be dispatched: it is a record, and nothing is scheduled. */
async function register(server: ClusterMachine, number: number): Promise<void> {
  const ID = `record-${number}`;
  const Job = {
    ID,
    Name: ID,
    Type: "batch",
    Datacenters: ["*"],
    ParameterizedJob: { Payload: "optional" },
    Meta: { filling: String(number).padStart(6, "0").repeat(600) },
    TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "/bin/true" } }] }],
  };
  const answer = await server.request("/v1/jobs", { method: "PUT", body: { Job }, timeoutMs: 30_000 });
  assert.equal(answer.status, 200, answer.text);
}

async function jobsOn(server: ClusterMachine): Promise<number> {
  return (await server.get<readonly unknown[]>("/v1/jobs", { timeoutMs: 30_000 })).length;
}

async function found(server: ClusterMachine): Promise<{ readonly jobs: number; readonly variables: readonly string[] }> {
  const variables = await server.get<readonly { Path: string }[]>("/v1/vars?prefix=after/", { timeoutMs: 30_000 });
  return { jobs: await jobsOn(server), variables: variables.map(({ Path }) => Path).toSorted() };
}

/** Keys of what did not fit into one transaction. */
async function partsInConsul(server: ClusterMachine): Promise<readonly string[]> {
  const listed = server.start("consul", [
    "kv",
    "get",
    "-keys",
    `-http-addr=unix://${server.folder}/data/server/consul/http.sock`,
    "drover/global/",
  ]);
  assert.equal(await listed.ended, 0, listed.output());
  const keys = listed.output().trim().split("\n");
  assert.ok(
    keys.some((key) => key.endsWith("/head")),
    listed.output(),
  );
  return keys.filter((key) => key.includes("/parts/"));
}
