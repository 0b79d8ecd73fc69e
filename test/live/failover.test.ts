/**
 * The leader goes away while others write: killed, stopped, with its Consul; and what must not happen to what was written and to what runs. Then what
 * is no reason to go: a second in which it does something else.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { eventually } from "../eventually.ts";
import type { ClusterMachine, ClusterWorld } from "./parts/cluster-world.ts";
import { commandOf, isConsul, median, nextWrite, shown, startThree } from "./parts/failover-cluster.ts";
import { put, startWriteLoad } from "./parts/write-load.ts";

const SOAK = testScale() >= 10;
const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: SOAK ? 1_800_000 : 240_000 };
const ROUNDS = SOAK ? 20 : 5;
const CLIENTS = SOAK ? ["c1", "c2", "c3"] : ["c1"];
/** Of the issue. */
const MEDIAN_MS = 2000;
const LONGEST_MS = 4000;
const WITH_CONSUL_MS = 5000;

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

test(
  "the leader is killed or stopped under a write load: the next write is taken in time, nothing is lost, doubled or disturbed",
  LIVE,
  async (t) => {
    const { world, servers, process: of, start, leader } = await startThree(t, { clients: CLIENTS });
    const first = servers[0] as ClusterMachine;
    assert.equal((await first.request("/v1/jobs", { method: "PUT", body: { Job: JOB } })).status, 200);
    const before = await eventually(
      "three tasks",
      async () => {
        const found = await tasks(first);
        return found.length === 3 ? found : undefined;
      },
      60_000,
    );
    const pidsBefore = await sleepers(world);
    const load = startWriteLoad(t, servers, 2);
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
      await eventually(
        `${old.name} to know what was written without it`,
        async () => {
          const answer = await old.request(`/v1/var/${seen}`, { timeoutMs: 5000 });
          assert.notEqual(answer.status, 404, `${old.name} answered from before`);
          return answer.status === 200 && answer.json<{ ModifyIndex: number }>().ModifyIndex === index;
        },
        60_000,
      );
      assert.notEqual(await leader(), old, "a leader that was replaced does not lead on");
    }
    // What Drover does not depend on may go with it.
    const last = await leader();
    const consul = (await last.pids()).find((pid) => isConsul(pid));
    assert.ok(consul !== undefined, "no private Consul on the leader's machine");
    process.kill(consul, "SIGKILL");
    await of(last).kill9();
    const withConsulMs = await nextWrite(
      servers.filter((each) => each !== last),
      "with-consul",
    );
    start(last);
    await last.answers(60_000);
    t.diagnostic(
      `next write after SIGKILL ${shown(killed)} ms; after SIGSTOP ${shown(stopped)} ms; its Consul killed with it ${shown([withConsulMs])} ms`,
    );
    await load.stop();
    t.diagnostic(`${load.acknowledged} writes acknowledged, ${load.unanswered} not answered`);
    await load.verify(servers);
    assert.deepEqual(await tasks(first), before, "every task runs on as it did");
    assert.deepEqual(await sleepers(world), pidsBefore, "every process is the same");
    for (const { ID } of await first.get<readonly { ID: string }[]>("/v1/nodes")) {
      const node = await first.get<{ Status: string; Events: readonly { Message: string }[] }>(`/v1/node/${ID}`);
      assert.equal(node.Status, "ready");
      assert.deepEqual(
        node.Events.map(({ Message }) => Message).filter((message) => /missed|down|lost|reconnect/i.test(message)),
        [],
      );
    }
    const all = [...killed, ...stopped];
    assert.ok(median(all) <= MEDIAN_MS, `median ${median(all)} ms`);
    assert.ok(Math.max(...all) <= LONGEST_MS, `longest ${Math.max(...all)} ms`);
    assert.ok(withConsulMs <= WITH_CONSUL_MS, `with its Consul ${withConsulMs} ms`);
  },
);

test(
  "a leader that is busy or held back for a second leads on, and so does one whose Consul is; one that hangs is replaced",
  LIVE,
  async (t) => {
    const { servers, process: of, leader, busyFor } = await startThree(t);
    const now = await leader();
    const epochs = (): number => [...servers].reduce((sum, each) => sum + of(each).output().split("leads now").length - 1, 0);
    // The first may have been busy with starting.
    const before = epochs();
    const holds = async (what: string): Promise<void> => {
      await put(servers.find((each) => each !== now) as ClusterMachine, `held/${what.replaceAll(" ", "-")}`);
      assert.equal(epochs(), before, what);
      assert.equal(await leader(), now, what);
    };
    for (let round = 0; round < 2; round++) {
      busyFor(now, 1800);
      await holds(`its main loop was busy ${round}`);
    }
    const consul = (await now.pids()).find((pid) => isConsul(pid));
    assert.ok(consul !== undefined);
    for (const [pid, lengthMs] of [
      [of(now).pid, 700],
      [consul, 500],
    ] as const) {
      process.kill(pid, "SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, lengthMs));
      process.kill(pid, "SIGCONT");
      await holds(`${pid === consul ? "its Consul" : "it"} was stopped for ${lengthMs} ms`);
    }
    busyFor(now, 8000);
    const tookMs = await nextWrite(
      servers.filter((each) => each !== now),
      "hung",
    );
    t.diagnostic(`next write after the main loop hung: ${shown([tookMs])} ms`);
    assert.notEqual(await leader(now), now);
    assert.ok(tookMs < 8000, `replaced before it turned again: ${tookMs} ms`);
  },
);

async function sleepers(world: ClusterWorld): Promise<readonly number[]> {
  const pids = (await Promise.all(world.machines.map((machine) => machine.pids()))).flat();
  return pids.filter((pid) => commandOf(pid) === "/bin/sleep 86400").toSorted((a, b) => a - b);
}
