/**
 * A register over HTTP on three real servers, each on a machine of its own with a small disk, while one thing after the other befalls them: what all
 * clients saw is what one copy could have told. DROVER_HISTORY_SECONDS says for how long (default 300, 1800 under soak), DROVER_SEED
 * which faults. The first test says that the checker would
 * see it: the same history by reads without a barrier is refused.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createHistory, historyFaults } from "../history/record.ts";
import { staleFaults } from "../history/stale.ts";
import { createSeededRandom, seedOfRun } from "../simulation/random.ts";
import { testScale } from "../scale.ts";
import { ask, startClients } from "./linearizable-clients.ts";
import { digestsOf } from "./linearizable-disks.ts";
import { dataOf, type Fault, faultsOf, type Server, skewFile } from "./linearizable-faults.ts";
import { lastWords, startClusterWorld, type ClusterMachine, type ClusterWorld } from "./parts/cluster-world.ts";
import { eventually } from "./real-agent.ts";

const SECONDS = Number(process.env["DROVER_HISTORY_SECONDS"] ?? (testScale() >= 10 ? 1800 : 300));
const SKEWED_CLOCK = join(import.meta.dirname, "linearizable-clock.ts");
const DISK = "160m";

let world: ClusterWorld;
let servers: readonly Server[];

after(() => world?.remove());

before(async () => {
  world = await startClusterWorld({ after: () => undefined }, { machines: 3 });
  const [first] = world.machines as [ClusterMachine];
  const hcl = `server {\n  enabled = true\n  bootstrap_expect = 3\n  server_join {\n    retry_join = ["${first.address}:4648"]\n  }\n}\n`;
  servers = await Promise.all(
    world.machines.map(async (machine): Promise<Server> => {
      await machine.host.must("mount", "-t", "tmpfs", "-o", `size=${DISK},mode=0755`, "tmpfs", dataOf(machine));
      const environment = { NODE_OPTIONS: `--import=${SKEWED_CLOCK}`, CLOCK_SKEW_FILE: skewFile(machine) };
      const server: Server = {
        machine,
        process: machine.agent({ "server.hcl": hcl }, { environment }),
        down: false,
        start: () => void (server.process = machine.agent(undefined, { environment })),
      };
      return server;
    }),
  );
  await accepted(servers, "begin", 120_000).catch((error: unknown) => assert.fail(`${String(error)}\n${servers.map(tell).join("\n")}`));
});

const tell = ({ machine, process }: Server): string => `--- ${machine.name}\n${lastWords(process)}`;

/** Until every server takes a write and answers a read behind it. */
async function accepted(servers: readonly Server[], path: string, timeoutMs: number): Promise<void> {
  for (const { machine } of servers)
    await eventually(
      `${machine.name} to take a write`,
      async () => {
        const written = await machine.request(`/v1/var/${path}`, { method: "PUT", body: { Items: { by: machine.name } }, timeoutMs: 5000 });
        if (written.status === 200 && (await machine.request(`/v1/var/${path}`, { timeoutMs: 5000 })).status === 200) return true;
        throw new Error(`${written.status} ${written.text}`);
      },
      timeoutMs,
    );
}

test("A history by reads without a barrier, of a server that is cut off, is refused", { timeout: 300_000 }, async (t) => {
  const begunMs = performance.now();
  const told = (what: string): void => t.diagnostic(`${what} after ${Math.round(performance.now() - begunMs)} ms`);
  const [one, , cut] = servers as [Server, Server, Server];
  const right = createHistory();
  const wrong = createHistory();
  const act = async (server: Server, call: Parameters<typeof ask>[2]) => (await ask(server, "x", call)).ending;
  for (const history of [right, wrong])
    await history.run("p", "x", { kind: "write", value: "a" }, () => act(one, { kind: "write", value: "a" }));
  await eventually("the last server to know it", async () => (await cut.machine.request("/v1/var/x?stale")).text.includes(`"a"`));
  await cut.machine.cut();
  await eventually(
    "a write without it",
    async () => {
      const value = `b${right.now()}`;
      const ending = await right.run("p", "x", { kind: "write", value }, () => act(one, { kind: "write", value }));
      if (typeof ending !== "string") await wrong.run("p", "x", { kind: "write", value }, async () => ending);
      return typeof ending !== "string";
    },
    40_000,
  );
  told("written without it");
  // The server itself refuses, or is silent for as long as one waits: it cannot know.
  assert.equal(typeof (await right.run("q", "x", { kind: "read" }, () => act(cut, { kind: "read" }))), "string");
  const { Items, ModifyIndex } = await cut.machine.get<{ Items: { value: string }; ModifyIndex: number }>("/v1/var/x?stale");
  await wrong.run("q", "x", { kind: "read" }, async () => ({ kind: "told", value: Items.value, index: ModifyIndex }));
  assert.deepEqual(historyFaults(right), []);
  assert.equal(historyFaults(wrong).length, 1);
  told("judged");
  await world.heal();
  await accepted(servers, "between", 60_000);
  told("all well");
});

test(
  "What clients of a register on three servers see is what one copy could have told, whatever befalls the servers",
  { timeout: (SECONDS + 240) * 1000 },
  async (t) => {
    const seed = seedOfRun();
    const random = createSeededRandom(seed);
    const history = createHistory();
    let leaderName = "";
    const leader = (): Server | undefined => servers.find(({ machine }) => leaderName.startsWith(`${machine.address}:`));
    const watch = setInterval(() => {
      for (const { machine } of servers)
        void machine.request("/v1/status/leader?stale", { timeoutMs: 900 }).then(
          ({ status, text }) => void (status === 200 && text.length > 4 && (leaderName = JSON.parse(text) as string)),
          () => undefined,
        );
    }, 1000);
    t.after(() => clearInterval(watch));
    const cpu = watchCpu(world);
    t.after(cpu.end);
    const clients = startClients({ servers, history, random, clients: 5, pauseMs: 80 });
    const story: string[] = [];
    const untilMs = performance.now() + SECONDS * 1000;
    try {
      const faults = faultsOf(world, servers, leader, random);
      while (performance.now() < untilMs) {
        // One at a time mostly, so that there is a majority; sometimes two, which may leave none for a while.
        const some = Array.from({ length: random.fraction() < 0.25 ? 2 : 1 }, () => faults.next().value as Fault);
        const begunMs = performance.now();
        for (const fault of some) await fault.begin();
        await sleep(1500 + random.integer(2500));
        const during = clients.acknowledged.filter((at) => at > begunMs).length;
        for (const fault of some) await fault.end();
        const endedMs = performance.now();
        await eventually("a write to be acknowledged", () => clients.acknowledged.some((at) => at > endedMs), 60_000);
        await accepted(servers, "between", 60_000);
        const moments = [begunMs, ...clients.acknowledged.filter((at) => at > begunMs)];
        const silenceMs = Math.max(...moments.slice(1).map((at, n) => at - (moments[n] as number)));
        story.push(
          `${some.map(({ name }) => name).join(" and ")}: ${during} writes in ${Math.round(endedMs - begunMs)} ms, none for ${Math.round(silenceMs)} ms at most, all well ${Math.round(performance.now() - endedMs)} ms after`,
        );
      }
      await clients.end();
      // Each server tells the same of every register in the end.
      for (const register of history.operations.keys())
        for (const server of servers)
          await eventually(`${server.machine.name} to tell ${register}`, async () => {
            const read = async () => (await ask(server, register, { kind: "read" })).ending;
            return typeof (await history.run(`last@${server.machine.name}`, register, { kind: "read" }, read)) !== "string";
          });
    } catch (thrown) {
      await clients.end();
      assert.fail(`seed ${seed}: ${String(thrown)}\n${story.join("\n")}\n${servers.map(tell).join("\n")}`);
    }
    clearInterval(watch);
    const cpuSeconds = cpu.end();
    await Promise.all(servers.map(({ machine }) => machine.kill9()));
    const about = `seed ${seed}\n${story.join("\n")}`;
    const { index, behind, digests } = await digestsOf(world.machines);
    const judgedMs = performance.now();
    const faults = historyFaults(history);
    const all = [...history.operations.values()].flat();
    t.diagnostic(
      `seed ${seed}, ${SECONDS} s, ${story.length} faults: ${all.length} operations on ${history.operations.size} registers, ${clients.acknowledged.length} writes acknowledged, ${all.filter(({ answer }) => answer === undefined).length} without an answer, ${clients.stale.length} stale reads; judged in ${Math.round(performance.now() - judgedMs)} ms; log index ${index}, ${behind} behind`,
    );
    t.diagnostic(
      `CPU: servers and their Consuls ${cpuSeconds.toFixed(1)} s, this test ${(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6).toFixed(1)} s`,
    );
    for (const line of story) t.diagnostic(line);
    for (const [what, count] of [...clients.answers].toSorted(([, a], [, b]) => b - a)) t.diagnostic(`${count} × ${what}`);
    assert.deepEqual(faults, [], about);
    assert.deepEqual(staleFaults(clients.stale, history.operations), [], about);
    assert.deepEqual(clients.strange, [], about);
    assert.equal(new Set(digests).size, 1, `the servers' states differ: ${digests.join(" ")}\n${about}`);
    assert.ok(clients.acknowledged.length > SECONDS, "hardly a write was acknowledged");
  },
);

/** Seconds of CPU of everything on the machines, those that ended included as far as they were seen. */
function watchCpu(world: ClusterWorld): { end(): number } {
  const ticks = new Map<number, number>();
  const look = async (): Promise<void> => {
    for (const pid of (await Promise.all(world.machines.map((machine) => machine.pids()))).flat())
      try {
        const words = readFileSync(`/proc/${pid}/stat`, "utf8")
          .replace(/^.*\) /s, "")
          .split(" ");
        ticks.set(pid, Number(words[11]) + Number(words[12]));
      } catch {
        // Gone meanwhile.
      }
  };
  const timer = setInterval(() => void look().catch(() => undefined), 1000);
  return {
    end() {
      clearInterval(timer);
      return [...ticks.values()].reduce((sum, each) => sum + each, 0) / 100;
    },
  };
}
