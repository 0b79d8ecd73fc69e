/**
 * What operators do to servers, one after the other on the same machines: one server that stands alone becomes one of three, what was saved there
 * is restored among them and back, two machines are lost for good, and one stands alone again. A task runs through all of it and is never touched,
 * and no index goes back.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "../eventually.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type ClusterWorld, type MachineProcess } from "./parts/cluster-world.ts";
import { put } from "./parts/write-load.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 400_000 };
const BACK_MS = 90_000;

test(
  "one server becomes three and one again, restored and recovered on the way; its task runs on and no index goes back",
  LIVE,
  async (t) => {
    const world = await startClusterWorld(t, { machines: ["s1", "s2", "s3", "c1"] });
    const moves = movesOf(t, world);
    const [s1, s2, s3, c1] = world.machines as [ClusterMachine, ClusterMachine, ClusterMachine, ClusterMachine];
    const alone = { "server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n" };
    const together = {
      "server.hcl": `server {\n  enabled = true\n  bootstrap_expect = 3\n  server_join {\n    retry_join = ["${s1.address}", "${s2.address}"]\n    retry_interval = "1s"\n  }\n  snapshot_interval = "2s"\n  snapshot_keep = 2\n}\n`,
    };
    const servers = [s1, s2, s3].map(({ address }) => `"${address}"`).join(", ");

    await moves.step("one server, and a node with a task", async () => {
      moves.start(s1, alone);
      moves.start(c1, {
        "client.hcl": `client {\n  enabled = true\n  servers = [${servers}]\n  dns { port = 0 }\n}\nplugin "raw_exec" { config { enabled = true } }\n`,
      });
      await moves.writes(s1, "alone");
      await eventually("the node", async () => (await s1.get<{ Status: string }[]>("/v1/nodes"))[0]?.Status === "ready", BACK_MS);
      const answer = await s1.request("/v1/jobs", { method: "PUT", body: { Job: JOB } });
      assert.equal(answer.status, 200, answer.text);
      await moves.taskRuns(s1);
      await must(s1, "operator", "snapshot", "save", "-stale", join(world.folder, "alone.snap"));
    });

    await moves.step("it is refused as one of three until its log is moved; the new ones make no cluster without it", async () => {
      await moves.stop(s1);
      const refused = moves.start(s1, together);
      assert.notEqual(await refused.ended, 0);
      assert.match(refused.output(), /migrate-backend -to=consul/);
      const moved = await s1.cli("operator", "raft", "migrate-backend", `-config=${s1.folder}/config`, "-to=consul");
      assert.equal(moved.code, 0, moved.stderr);
      // Again, as after a kill before it could say so.
      assert.match((await must(s1, "operator", "raft", "migrate-backend", `-config=${s1.folder}/config`, "-to=consul")).stdout, /already/);
      moves.start(s2, together);
      moves.start(s3, together);
      // Killed somewhere on the way.
      const first = moves.start(s1);
      await eventually("its private Consul", async () => (await s1.pids()).length > 1, BACK_MS);
      await first.kill9();
      moves.start(s1);
      for (const server of [s1, s2, s3]) await moves.writes(server, `moved/${server.name}`);
      for (const server of [s1, s2, s3]) await moves.taskRuns(server);
    });

    await moves.step("what was saved alone is restored among three, and what was saved among three too", async () => {
      const file = join(world.folder, "three.snap");
      await must(s2, "operator", "snapshot", "save", file);
      const saved = /^Index\s+= (\d+)$/m.exec((await must(s2, "operator", "snapshot", "inspect", file)).stdout)?.[1];
      assert.ok(Number(saved) >= moves.lastIndex, `${saved} ${moves.lastIndex}`);
      assert.equal((await must(s3, "operator", "snapshot", "restore", join(world.folder, "alone.snap"))).stdout, "Snapshot Restored\n");
      assert.deepEqual(await variables(s2), ["moves/alone"]);
      await moves.writes(s1, "restored");
      await must(s1, "operator", "snapshot", "restore", file);
      assert.deepEqual(await variables(s3), ["moves/alone", "moves/moved/s1", "moves/moved/s2", "moves/moved/s3"]);
      await moves.writes(s2, "restored-again");
      // And what was saved by itself, on whichever of them leads.
      const backup = await eventually(
        "a backup",
        async () => backupsOf([s1, s2, s3]).find(({ index }) => index >= moves.lastIndex)?.path,
        BACK_MS,
      );
      await moves.writes(s1, "after-the-backup");
      await must(s3, "operator", "snapshot", "restore", backup);
      assert.deepEqual(await variables(s1), ["moves/alone", "moves/moved/s1", "moves/moved/s2", "moves/moved/s3", "moves/restored-again"]);
      for (const server of [s1, s2, s3]) await moves.taskRuns(server);
    });

    await moves.step("two machines are lost for good: one command, and the third goes on; new ones take their places", async () => {
      for (const lost of [s2, s3]) {
        await lost.kill9();
        emptied(lost);
      }
      await eventually(
        "s1 to say that nobody leads",
        async () => /No cluster leader/.test((await s1.request("/v1/jobs", { timeoutMs: 20_000 })).text),
        BACK_MS,
      );
      const refused = await s1.cli("operator", "raft", "recover", `-config=${s1.folder}/config`, "-yes");
      assert.notEqual(refused.code, 0, "its agent runs");
      await moves.stop(s1);
      const asked = await s1.cli("operator", "raft", "recover", `-config=${s1.folder}/config`);
      assert.deepEqual([asked.code, /Say -yes/.test(asked.stderr)], [1, true]);
      const holds = Number(/through entry (\d+)\.\n/.exec(asked.stdout)?.[1]);
      assert.ok(holds >= moves.lastIndex, asked.stdout);
      // Killed in the middle, and done again.
      const half = s1.spawn(["operator", "raft", "recover", `-config=${s1.folder}/config`, "-yes"]);
      await eventually("it to be under way", async () => /no majority/.test(half.output()) || !half.isRunning(), BACK_MS);
      await half.kill9();
      const recovered = await must(s1, "operator", "raft", "recover", `-config=${s1.folder}/config`, "-yes");
      assert.match(recovered.stdout, /goes on from this server, after entry \d+/);
      moves.start(s1);
      await moves.writes(s1, "recovered");
      for (const server of [s2, s3]) moves.start(server);
      for (const server of [s2, s3]) await moves.writes(server, `recovered/${server.name}`);
      for (const server of [s1, s2, s3]) await moves.taskRuns(server);
      await eventually(
        "three members, all alive",
        async () => {
          const { Members } = await s1.get<{ Members: { Status: string }[] }>("/v1/agent/members");
          return Members.filter(({ Status }) => Status === "alive").length === 3;
        },
        BACK_MS,
      );
    });

    await moves.step("and alone again", async () => {
      for (const server of [s2, s3]) await server.kill9();
      await moves.stop(s1);
      await must(s1, "operator", "raft", "migrate-backend", `-config=${s1.folder}/config`, "-to=sqlite");
      moves.start(s1, alone);
      await moves.writes(s1, "alone-again");
      await moves.taskRuns(s1);
      const found = await variables(s1);
      for (const name of ["alone", "moved/s3", "recovered", "recovered/s3", "alone-again"])
        assert.ok(found.includes(`moves/${name}`), `${name}: ${found.join(" ")}`);
      assert.deepEqual((await s1.pids()).filter(isConsul), []);
      await must(s1, "operator", "snapshot", "restore", join(world.folder, "three.snap"));
      assert.deepEqual(await variables(s1), ["moves/alone", "moves/moved/s1", "moves/moved/s2", "moves/moved/s3"]);
      await moves.taskRuns(s1);
    });
  },
);

const JOB = {
  ID: "kept",
  Name: "kept",
  Type: "service",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "g",
      Count: 1,
      EphemeralDisk: { SizeMB: 10 },
      Tasks: [
        {
          Name: "t",
          Driver: "raw_exec",
          Config: { command: "/bin/sleep", args: ["100000"] },
          Resources: { CPU: 20, MemoryMB: 20 },
          LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
        },
      ],
    },
  ],
};

function movesOf(t: TestContext, world: ClusterWorld) {
  const processes = new Map<ClusterMachine, MachineProcess>();
  let lastIndex = 0;
  let task: { readonly id: string; readonly pids: readonly number[] } | undefined;
  t.after(() => {
    if (!t.passed) for (const [machine, each] of processes) t.diagnostic(`${machine.name}: ${lastWords(each)}`);
  });
  return {
    get lastIndex() {
      return lastIndex;
    },
    start(machine: ClusterMachine, files?: Readonly<Record<string, string>>): MachineProcess {
      const started = machine.agent(files);
      processes.set(machine, started);
      return started;
    },
    async stop(machine: ClusterMachine): Promise<void> {
      await processes.get(machine)?.end("SIGTERM");
    },
    /** Acknowledged, at an index above every one before. */
    async writes(machine: ClusterMachine, name: string): Promise<void> {
      const index = await eventually(`${machine.name} to write`, () => put(machine, `moves/${name}`, 5000).catch(() => undefined), BACK_MS);
      assert.ok(index > lastIndex, `${name}: index ${index} after ${lastIndex}`);
      lastIndex = index;
    },
    /** The same process as ever, and it is known. */
    async taskRuns(server: ClusterMachine): Promise<void> {
      const id = await eventually(
        `${server.name} to know the task`,
        async () => {
          const answer = await server.request("/v1/job/kept/allocations?all=true");
          if (answer.status !== 200) return undefined;
          const all = answer.json<{ ID: string; ClientStatus: string }[]>();
          return all.length === 1 && all[0]?.ClientStatus === "running" && all[0].ID;
        },
        BACK_MS,
      );
      const pids = (await world.machine("c1").pids()).filter((pid) => commandOf(pid).startsWith("/bin/sleep 100000"));
      assert.equal(pids.length, 1);
      task ??= { id, pids };
      assert.deepEqual({ id, pids }, task);
    },
    async step(name: string, body: () => Promise<void>): Promise<void> {
      const beganMs = performance.now();
      await body();
      t.diagnostic(`${name}: ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
    },
  };
}

async function variables(server: ClusterMachine): Promise<readonly string[]> {
  return (await server.get<{ Path: string }[]>("/v1/vars?prefix=moves/")).map(({ Path }) => Path).toSorted();
}

async function must(machine: ClusterMachine, ...words: readonly string[]) {
  const done = await machine.cli(...words);
  assert.equal(done.code, 0, `${words.join(" ")}: ${done.stdout}${done.stderr}`);
  return done;
}

function emptied(machine: ClusterMachine): void {
  rmSync(join(machine.folder, "data"), { recursive: true, force: true });
  mkdirSync(join(machine.folder, "data"));
}

function backupsOf(servers: readonly ClusterMachine[]): readonly { readonly path: string; readonly index: number }[] {
  return servers.flatMap(({ folder }) => {
    const backups = join(folder, "data", "server", "backups");
    const names = existsSync(backups) ? readdirSync(backups) : [];
    return names.flatMap((name) => {
      const index = /^drover-.*Z-(\d+)\.snap$/.exec(name)?.[1];
      return index === undefined ? [] : [{ path: join(backups, name), index: Number(index) }];
    });
  });
}

const isConsul = (pid: number): boolean => /^\S*consul agent /.test(commandOf(pid));

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
