/**
 * A cluster that begins with one server and takes others in, changes from private Consuls to somebody else's, on another machine for most, and back.
 * In the soak only (DROVER_TEST_SCALE): cluster-moves*.test.ts go the same ways.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toolPath } from "../../scripts/tool-path.ts";
import { eventually } from "../eventually.ts";
import { testScale } from "../scale.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type MachineProcess } from "./parts/cluster-world.ts";
import { put } from "./parts/write-load.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1" || testScale() < 10, timeout: 400_000 };
const BACK_MS = 90_000;
/** A private Consul. */
const OURS = /^\S*consul agent -config-file/;

test("a cluster of one takes others in, changes to an external Consul, and back to private ones", LIVE, async (t) => {
  const world = await startClusterWorld(t, { machines: ["s1", "s2", "s3"] });
  const [s1, s2, s3] = world.machines as [ClusterMachine, ClusterMachine, ClusterMachine];
  const servers = [s1, s2, s3];
  const agents = new Map<ClusterMachine, MachineProcess>();
  t.after(() => {
    if (!t.passed) for (const [machine, each] of agents) t.diagnostic(`${machine.name}: ${lastWords(each)}`);
  });
  const start = (machine: ClusterMachine, server: string, more = ""): void =>
    void agents.set(machine, machine.agent({ "server.hcl": `server {\n  enabled = true\n  ${server}\n}\n${more}` }));
  const joins = (...others: ClusterMachine[]): string =>
    `server_join {\n    retry_join = ${JSON.stringify(others.map(({ address }) => address))}\n    retry_interval = "1s"\n  }`;
  let lastIndex = 0;
  const writes = async (machine: ClusterMachine, name: string): Promise<void> => {
    const index = await eventually(`${machine.name} to write`, () => put(machine, `moves/${name}`, 5000).catch(() => undefined), BACK_MS);
    assert.ok(index > lastIndex, `${name}: index ${index} after ${lastIndex}`);
    lastIndex = index;
  };
  const stopAll = async (): Promise<void> => {
    for (const each of agents.values()) await each.end("SIGTERM");
  };
  /** On whichever holds most: those that were stopped last have led meanwhile. Theirs is the configuration that is written already. */
  const recover = async (): Promise<ClusterMachine> => {
    const raft = (machine: ClusterMachine, ...words: string[]) =>
      machine.cli("operator", "raft", "recover", `-config=${machine.folder}/config`, ...words);
    const found = await Promise.all(
      servers.map(async (machine) => ({ machine, last: Number(/through entry (\d+)\./.exec((await raft(machine)).stdout)?.[1]) })),
    );
    const most = found.toSorted((a, b) => b.last - a.last)[0] as (typeof found)[number];
    assert.ok(most.last >= lastIndex, JSON.stringify(found.map(({ last }) => last)));
    const done = await raft(most.machine, "-yes");
    assert.equal(done.code, 0, done.stdout + done.stderr);
    return most.machine;
  };
  /** Written by agents that are ended at once. */
  const configure = async (server: string, more = ""): Promise<void> => {
    for (const machine of servers) {
      start(machine, server, more);
      await agents.get(machine)?.kill9();
    }
  };

  start(s1, `bootstrap_expect = 1\n  ${joins(s2, s3)}`);
  await writes(s1, "alone");
  for (const machine of [s2, s3]) start(machine, joins(s1));
  for (const machine of [s2, s3]) await writes(machine, `joined/${machine.name}`);

  await stopAll();
  s1.start(toolPath("consul"), [
    "agent",
    "-server",
    "-bootstrap",
    "-node=theirs",
    `-bind=${s1.address}`,
    "-client=0.0.0.0",
    `-data-dir=${s1.folder}/theirs`,
  ]);
  const external = `consul {\n  address = "${s1.address}:8500"\n}\n`;
  await eventually(
    "their Consul",
    async () => (await s1.request("/v1/status/leader", { port: 8500, timeoutMs: 2000 }).catch(() => undefined))?.text.includes(":8300"),
    BACK_MS,
  );
  await configure("bootstrap_expect = 3", external);
  await recover();
  for (const machine of servers) start(machine, "bootstrap_expect = 3", external);
  for (const machine of servers) await writes(machine, `external/${machine.name}`);
  for (const machine of servers)
    assert.deepEqual(
      (await machine.pids()).filter((pid) => OURS.test(commandOf(pid))),
      [],
      machine.name,
    );

  await stopAll();
  const together = `bootstrap_expect = 3\n  ${joins(...servers)}`;
  await configure(together);
  const chosen = await recover();
  for (const machine of servers.filter((each) => each !== chosen)) {
    for (const pid of (await machine.pids()).filter((each) => OURS.test(commandOf(each)))) process.kill(pid, "SIGKILL");
    rmSync(join(machine.folder, "data"), { recursive: true, force: true });
    mkdirSync(join(machine.folder, "data"));
  }
  for (const machine of servers) start(machine, together);
  for (const machine of servers) await writes(machine, `private/${machine.name}`);
  const kept = (await s3.get<{ Path: string }[]>("/v1/vars?prefix=moves/")).map(({ Path }) => Path);
  for (const name of ["alone", "joined/s3", "external/s2"]) assert.ok(kept.includes(`moves/${name}`), `${name}: ${kept.join(" ")}`);
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
