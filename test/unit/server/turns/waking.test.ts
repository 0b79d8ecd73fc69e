/** What wakes those who wait for a turn, and what becomes of a turn on its way to the log: each cause alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cluster } from "#cluster";
import { createVirtualClock } from "#integrations/memory";
import type { AllocationId, NodeId } from "#model";
import type { RestartTurn } from "#ports";
import type { Change, Command, Outcome } from "#state";
import type { ServerContext } from "../../../../src/server/context.ts";
import { createRestartTurns } from "../../../../src/server/turns/restart-turns.ts";

const OF = { Namespace: "default", JobID: "web", TaskGroup: "g" };
const NODE = "n1" as NodeId;
const CHANGE = { allocations: [], goneAllocations: [], jobs: [], goneJobs: [], deployments: [], command: { type: "plan-apply" } };

function stage(ids: readonly string[], max = 1) {
  const clock = createVirtualClock();
  const listeners = new Set<(change: Change) => void>();
  const allocations = new Map(
    ids.map((ID) => [
      ID,
      { ...OF, ID, NodeID: NODE, DesiredStatus: "run", ClientStatus: "running", TaskStates: {}, DeploymentID: "", DeploymentStatus: null },
    ]),
  );
  const turns = new Map<string, { AllocationID: string; CreateTime: number }>();
  const proposed: Command[] = [];
  let maxParallel = max;
  let propose = async (_command: Command): Promise<Outcome> => ({ ok: true, index: 1 }) as Outcome;
  const snapshot = () => ({
    allocation: (id: string) => allocations.get(id),
    allocationsByJob: () => [...allocations.values()],
    activeDeployment: () => undefined,
    restartTurns: () => [...turns.values()],
    job: () => ({
      Type: "service",
      Stop: false,
      TaskGroups: [{ Name: "g", Count: ids.length, Tasks: [], Update: { MaxParallel: maxParallel, HealthyDeadline: 300e9 } }],
    }),
  });
  const tell = (change: object) => {
    for (const listener of listeners) listener({ ...CHANGE, ...change } as unknown as Change);
  };
  const cluster = {
    state: {
      snapshot,
      watch: { subscribe: (listener: (change: Change) => void) => (listeners.add(listener), () => void listeners.delete(listener)) },
    },
    propose: async (command: Command) => {
      proposed.push(command);
      const outcome = await propose(command);
      if (outcome.ok && command.type === "turn-take")
        turns.set(command.AllocationID, { AllocationID: command.AllocationID, CreateTime: clock.nowNs() });
      if (outcome.ok && command.type === "turn-give") for (const id of command.AllocationIDs) turns.delete(id);
      if (outcome.ok) tell({ command });
      return outcome;
    },
  } as unknown as Cluster;
  const restarts = createRestartTurns({ cluster, clock, report: () => undefined } as unknown as ServerContext);
  const answers: string[] = [];
  const take = (id: string) =>
    void restarts.take(NODE, id as AllocationId).then(
      ({ Granted }: RestartTurn) => answers.push(`${id} ${Granted}`),
      (error: Error) => answers.push(`${id} ${error.message}`),
    );
  const settled = async () => {
    for (let turn = 0; turn < 4; turn++) await clock.settle();
    return answers.splice(0);
  };
  return {
    clock,
    restarts,
    allocations,
    turns,
    proposed,
    listeners,
    take,
    tell,
    settled,
    limit: (to: number) => void (maxParallel = to),
    proposing: (to: typeof propose) => void (propose = to),
    giveBack: (id: string) => restarts.giveBack(NODE, id as AllocationId),
  };
}

test("whoever waits is woken by a turn that ends for any reason, and by a limit that is raised", async () => {
  const causes: Record<string, (staged: ReturnType<typeof stage>) => void> = {
    "given back": ({ giveBack }) => void giveBack("a"),
    "its allocation is gone": ({ allocations, turns, tell }) => {
      const gone = allocations.get("a");
      allocations.delete("a");
      turns.delete("a");
      allocations.set("c", { ...(gone as NonNullable<typeof gone>), ID: "c" });
      tell({ goneAllocations: [gone] });
    },
    "its allocation ended": ({ allocations, turns, tell }) => {
      const over = {
        ...(allocations.get("a") as NonNullable<ReturnType<typeof allocations.get>>),
        DesiredStatus: "stop",
        ClientStatus: "complete",
      };
      allocations.set("a", over);
      allocations.set("c", { ...over, ID: "c", DesiredStatus: "run", ClientStatus: "running" });
      turns.delete("a");
      tell({ allocations: [over] });
    },
    "its node is down": ({ turns, tell }) => {
      turns.delete("a");
      tell({ command: { type: "node-status" } });
    },
    "its node is purged": ({ turns, tell }) => {
      turns.delete("a");
      tell({ command: { type: "node-purge" } });
    },
    "the job allows more": ({ limit, tell }) => {
      limit(2);
      tell({ jobs: [{ Namespace: "default", ID: "web" }] });
    },
    "the job is gone": ({ limit, tell }) => {
      limit(0);
      tell({ goneJobs: [{ Namespace: "default", ID: "web" }] });
    },
    "its deployment moved on": ({ limit, tell }) => {
      limit(2);
      tell({ deployments: [{ Namespace: "default", JobID: "web" }] });
    },
  };
  for (const [cause, happen] of Object.entries(causes)) {
    const staged = stage(["a", "b"]);
    staged.take("a");
    assert.deepEqual(await staged.settled(), ["a true"]);
    staged.take("b");
    assert.deepEqual(await staged.settled(), []);
    happen(staged);
    assert.deepEqual(await staged.settled(), ["b true"], cause);
    staged.restarts.close();
    assert.deepEqual([staged.clock.pending, staged.listeners.size], [0, 0]);
  }
});

test("a turn is for who asks just then; who asks again soon is before those who came later", async () => {
  const { clock, take, settled, giveBack, restarts } = stage(["a", "b", "c"]);
  take("a");
  assert.deepEqual(await settled(), ["a true"]);
  take("b");
  await clock.advance(10_000);
  take("c");
  await clock.advance(9_000);
  assert.deepEqual(await settled(), ["b false"]);
  await giveBack("a");
  assert.deepEqual(await settled(), ["c true"], "b is between two questions");
  await giveBack("c");
  take("c");
  take("b");
  assert.deepEqual(await settled(), ["b true"]);
  restarts.close();
});

test("given back while it is on its way to the log, a turn is given back once it is there", async () => {
  const { take, settled, giveBack, proposing, proposed, turns, restarts } = stage(["a"]);
  const gate = Promise.withResolvers<void>();
  proposing(async ({ type }) => {
    if (type === "turn-take") await gate.promise;
    return { ok: true, index: 1 } as Outcome;
  });
  take("a");
  await settled();
  const back = giveBack("a");
  await settled();
  assert.deepEqual(
    proposed.map(({ type }) => type),
    ["turn-take"],
  );
  gate.resolve();
  await back;
  assert.deepEqual([proposed.map(({ type }) => type), turns.size], [["turn-take", "turn-give"], 0]);
  restarts.close();
});

test("a log that cannot be written is told to who asked; a state that knows better makes it look again", async () => {
  const failing = stage(["a"]);
  failing.proposing(async () => Promise.reject(new Error("no majority")));
  failing.take("a");
  assert.deepEqual(await failing.settled(), ["a no majority"]);
  failing.restarts.close();
  const refused = stage(["a", "b"]);
  let once = true;
  refused.proposing(async () => {
    if (!once) return { ok: true, index: 1 } as Outcome;
    once = false;
    return { ok: false, code: "conflict", reason: "1 of 1 hold one" } as Outcome;
  });
  refused.take("a");
  assert.deepEqual(await refused.settled(), ["a true"]);
  assert.equal(refused.proposed.length, 2);
  refused.restarts.close();
});

test("who gives back while it waits hears so, and nothing of it is left", async () => {
  const { clock, take, settled, giveBack, restarts, proposed } = stage(["a", "b"]);
  take("a");
  await settled();
  take("b");
  await settled();
  await giveBack("b");
  assert.deepEqual(await settled(), ["b false"]);
  assert.equal(clock.pending, 0, "no timer is left of a group nobody waits for");
  assert.equal(proposed.length, 1);
  restarts.close();
});
