import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCHEDULER_CONFIGURATION, type AllocationId } from "#model";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside, statuses } from "../inside.ts";

const stop = { Purge: false, EvalPriority: 0, NoShutdownDelay: false };

test("a job that fits nowhere waits blocked and is placed when a node joins", () =>
  inside({}, async (world) => {
    const { EvalID } = await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    const evaluation = world.cluster.state.snapshot().evaluation(EvalID);
    assert.equal(evaluation?.Status, "complete");
    assert.equal(world.cluster.state.snapshot().evaluation(evaluation?.BlockedEval ?? "")?.Status, "blocked");
    assert.equal(world.server.statistics()["blocked_evals.total_blocked"], 1);
    await world.addNode({ name: "n1" });
    await world.clock.advance(1_000);
    assert.equal(statuses(world, "web"), "running running");
    assert.equal(world.server.statistics()["blocked_evals.total_blocked"], 0);
    assert.equal(world.cluster.state.snapshot().evaluation(evaluation?.BlockedEval ?? "")?.Status, "complete");
  }));

test("a blocked job is placed when another one's allocations end", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1", memoryMB: 1_000 });
    await world.server.registerJob({ Job: jobOf({ id: "first", count: 1, memoryMB: 800 }) });
    await world.clock.advance(1_000);
    await world.server.registerJob({ Job: jobOf({ id: "second", count: 1, memoryMB: 800 }) });
    await world.clock.advance(1_000);
    assert.equal(statuses(world, "second"), "");
    await world.server.deregisterJob("default", "first", stop);
    await world.clock.advance(1_000);
    assert.equal(statuses(world, "second"), "running");
  }));

test("room that appeared while no server ran is found after the restart", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1", memoryMB: 1_000 });
    await world.server.registerJob({ Job: jobOf({ id: "first", count: 1, memoryMB: 800 }) });
    await world.server.registerJob({ Job: jobOf({ id: "second", count: 1, memoryMB: 800 }) });
    await world.clock.advance(1_000);
    const held = world.cluster.state.snapshot().allocation([...node.allocations.keys()][0] ?? "");
    assert.ok(held !== undefined);
    // Its end is on record, but the broker that would have woken the other one is gone before it could.
    await world.cluster.propose({
      type: "allocations-client-update",
      Evaluations: [],
      Updates: [{ ID: held.ID, NodeID: held.NodeID, ClientStatus: "complete", ClientDescription: "", TaskStates: {} }],
    });
    await world.restartServer();
    await world.clock.advance(5_000);
    assert.equal([...world.cluster.state.snapshot().allocations()].filter((each) => each.ClientStatus === "running").length, 1);
  }));

test("a job changed while it waits for room waits once: the older evaluation is cancelled on record", () =>
  inside({}, async (world) => {
    for (const version of ["1", "2", "3"]) {
      await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, environment: { version } }) });
      await world.clock.advance(5_000);
    }
    const waited = [...world.cluster.state.snapshot().evaluationsByJob("default", "web")].filter(
      (evaluation) => evaluation.TriggeredBy === "queued-allocs",
    );
    assert.deepEqual(waited.map((evaluation) => evaluation.Status).sort(), ["blocked", "canceled", "canceled"]);
    assert.equal(world.server.statistics()["blocked_evals.total_blocked"], 1);
  }));

test("what waited for room and no longer has to is not counted as queued", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1", memoryMB: 1_000 });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 4, memoryMB: 400 }) });
    await world.clock.advance(1_000);
    await world.addNode({ name: "n2", memoryMB: 500 });
    await world.clock.advance(1_000);
    const [group] = Object.keys(world.cluster.state.snapshot().jobSummary("default", "web")?.Summary ?? {});
    const queued = () => world.cluster.state.snapshot().jobSummary("default", "web")?.Summary[group ?? ""]?.Queued;
    assert.equal(queued(), 1);
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 3, memoryMB: 400 }) });
    await world.clock.advance(1_000);
    const waited = [...world.cluster.state.snapshot().evaluationsByJob("default", "web")].filter((each) => each.Status === "canceled");
    assert.equal(waited.length, 1);
    assert.equal(queued(), 0);
  }));

test("a system job that waits on several nodes, woken in vain on all of them, is placed on the one that has room next", () =>
  inside({}, async (world) => {
    for (const name of ["n0", "n1", "n2"]) await world.addNode({ name, memoryMB: 1_000 });
    for (const id of ["first", "second"]) await world.server.registerJob({ Job: jobOf({ id, type: "sysbatch", count: 1, memoryMB: 400 }) });
    await world.clock.advance(1_000);
    await world.server.registerJob({ Job: jobOf({ id: "everywhere", type: "system", count: 1, memoryMB: 800 }) });
    await world.clock.advance(1_000);
    const finish = (id: string) => {
      for (const node of world.nodes) {
        const snapshot = world.cluster.state.snapshot();
        const held = [...node.allocations.keys()].find((each) => {
          const allocation = snapshot.allocation(each);
          return allocation?.JobID === id && allocation.ClientStatus === "running";
        });
        if (held !== undefined) return void node.finish(held, "complete");
      }
    };
    for (const node of world.nodes)
      for (const [ID] of node.allocations)
        if (world.cluster.state.snapshot().allocation(ID)?.JobID === "first") node.finish(ID, "complete");
    await world.clock.advance(1_000);
    assert.equal(world.server.statistics()["blocked_evals.total_blocked"], 3);
    assert.match(world.server.explainJob("default", "everywhere").Summary, /^0 of 3 run/);
    for (const [at] of world.nodes.entries()) {
      finish("second");
      await world.clock.advance(1_000);
      assert.equal(statuses(world, "everywhere"), Array.from({ length: at + 1 }, () => "running").join(" "));
    }
    assert.equal(world.server.statistics()["blocked_evals.total_blocked"], 0);
  }));

test("an evaluation that takes several passes says what it was to change in all of them", () =>
  inside({}, async (world) => {
    for (const name of ["n0", "n1"]) await world.addNode({ name, cpuMHz: 40_000, memoryMB: 65_536 });
    const { EvalID } = await world.server.registerJob({ Job: jobOf({ id: "large", type: "batch", count: 300, memoryMB: 100 }) });
    await world.clock.advance(5_000);
    const annotations = world.cluster.state.snapshot().evaluation(EvalID)?.PlanAnnotations;
    const { Place, Ignore } = annotations?.DesiredTGUpdates["group"] ?? {};
    assert.deepEqual({ Place, Ignore }, { Place: 300, Ignore: 0 });
  }));

test("a stopped job no longer waits for room", () =>
  inside({}, async (world) => {
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    await world.server.deregisterJob("default", "web", stop);
    await world.clock.advance(1_000);
    assert.equal(world.server.statistics()["blocked_evals.total_blocked"], 0);
    const left = [...world.cluster.state.snapshot().evaluations()].filter((evaluation) => evaluation.Status === "blocked");
    assert.deepEqual(left, []);
  }));

test("trying a blocked evaluation in vain is not written down", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "small", memoryMB: 500 });
    await world.server.registerJob({ Job: jobOf({ id: "hog", count: 1, memoryMB: 4_000 }) });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    const holder = world.nodes[0];
    const running = [...(holder?.allocations.keys() ?? [])][0];
    const evaluations = [...world.cluster.state.snapshot().evaluationsByJob("default", "hog")];
    assert.ok(holder !== undefined && running !== undefined);
    holder.finish(running, "complete");
    await world.clock.advance(1_000);
    assert.deepEqual([...world.cluster.state.snapshot().evaluationsByJob("default", "hog")], evaluations);
    assert.equal(world.server.statistics()["blocked_evals.total_blocked"], 1);
  }));

test("a large job does not hold up a small one: their evaluations interleave", () =>
  inside({}, async (world) => {
    for (let index = 0; index < 10; index++) await world.addNode({ name: `n${index}`, cpuMHz: 40_000, memoryMB: 65_536 });
    const placed: string[] = [];
    world.cluster.state.watch.subscribe((change) => {
      if (change.command.type === "plan-apply") placed.push(change.command.Plan.Job?.ID ?? "");
    });
    await world.server.registerJob({ Job: jobOf({ id: "large", type: "batch", count: 2_000 }) });
    await world.server.registerJob({ Job: jobOf({ id: "small", count: 1 }) });
    await world.clock.advance(2_000);
    assert.equal([...world.cluster.state.snapshot().allocationsByJob("default", "large")].length, 2_000);
    assert.ok(placed.indexOf("small") >= 0 && placed.indexOf("small") < placed.lastIndexOf("large"), placed.join(" "));
    assert.ok(placed.filter((job) => job === "large").length >= 4, "a large job is planned in several passes");
  }));

test("while the log cannot be written evaluations wait, and go on when it can", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    world.disk.beforeAppend = () => Promise.reject(new Error("disk full"));
    await world.clock.advance(500);
    assert.equal(statuses(world, "web"), "");
    world.disk.beforeAppend = () => Promise.resolve();
    await world.clock.advance(5_000);
    assert.equal(statuses(world, "web"), "running");
  }));

test("an evaluation that cannot be processed three times is failed, and a follow-up succeeds minutes later", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const { EvalID } = await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    world.disk.beforeAppend = () => Promise.reject(new Error("disk full"));
    await world.clock.advance(60_000);
    world.disk.beforeAppend = () => Promise.resolve();
    await world.clock.advance(10_000);
    const failed = world.cluster.state.snapshot().evaluation(EvalID);
    assert.equal(failed?.Status, "failed");
    const followUp = world.cluster.state.snapshot().evaluation(failed?.NextEval ?? "");
    assert.equal(followUp?.TriggeredBy, "failed-follow-up");
    await world.clock.advance(400_000);
    assert.equal(world.cluster.state.snapshot().evaluation(failed?.NextEval ?? "")?.Status, "complete");
    assert.equal(statuses(world, "web"), "running");
  }));

test("pending evaluations go on after the server was killed and started again", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, PauseEvalBroker: true }, null);
    const { EvalID } = await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    assert.equal(world.cluster.state.snapshot().evaluation(EvalID)?.Status, "pending");
    await world.restartServer();
    await world.clock.advance(5_000);
    assert.equal(world.cluster.state.snapshot().evaluation(EvalID)?.Status, "pending", "the pause outlives the server");
    await world.server.setSchedulerConfiguration(DEFAULT_SCHEDULER_CONFIGURATION, null);
    await world.clock.advance(1_000);
    assert.equal(world.cluster.state.snapshot().evaluation(EvalID)?.Status, "complete");
    assert.equal(statuses(world, "web"), "running");
  }));

test("of many registrations of one job while the broker is busy only the last is evaluated, the others are cancelled on record", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, PauseEvalBroker: true }, null);
    const answers = [];
    for (let index = 0; index < 5; index++) {
      answers.push(await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, environment: { version: String(index) } }) }));
    }
    await world.server.setSchedulerConfiguration(DEFAULT_SCHEDULER_CONFIGURATION, null);
    await world.clock.advance(5_000);
    const ends = answers.map(({ EvalID }) => world.cluster.state.snapshot().evaluation(EvalID)?.Status);
    assert.deepEqual(ends, ["complete", "canceled", "canceled", "canceled", "complete"]);
    assert.equal(statuses(world, "web"), "running");
  }));

test("large jobs take turns, and one that is stopped while it waits for its turn holds up nobody", () =>
  inside({}, async (world) => {
    for (let index = 0; index < 8; index++) await world.addNode({ name: `n${index}`, cpuMHz: 100_000, memoryMB: 200_000 });
    const ids = ["a", "b", "c", "d", "e", "f"];
    await Promise.all(ids.map((id) => world.server.registerJob({ Job: jobOf({ id, count: 600 }) })));
    await Promise.all(["c", "d", "e"].map((id) => world.server.deregisterJob("default", id, { ...stop, Purge: true })));
    await world.clock.advance(5_000);
    const counts = ids.map(
      (id) =>
        statuses(world, id)
          .split(" ")
          .filter((each) => each === "running").length,
    );
    assert.deepEqual(counts, [600, 600, 0, 0, 0, 600]);
    const { "broker.total_unacked": inHand, "broker.total_ready": ready } = world.server.statistics();
    assert.deepEqual([inHand, ready], [0, 0]);
  }));

test("what is to be tried again later is tried at its time, also when the server was restarted meanwhile", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const reschedule = { Delay: 60e9, DelayFunction: "constant", MaxDelay: 3_600e9, Unlimited: true };
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, reschedule, update: { MaxParallel: 0 } }) });
    await world.clock.advance(20_000);
    const [first] = [...world.cluster.state.snapshot().allocationsByJob("default", "web")];
    assert.ok(first !== undefined);
    world.nodes[0]?.finish(first.ID, "failed");
    await world.clock.advance(5_000);
    const waits = [...world.cluster.state.snapshot().evaluationsByJob("default", "web")].filter((each) => each.Status === "pending");
    assert.equal(waits.length, 1);
    assert.equal(world.cluster.state.snapshot().allocation(first.ID)?.FollowupEvalID, waits[0]?.ID);
    await world.restartServer();
    await world.clock.advance(45_000);
    assert.equal([...world.cluster.state.snapshot().allocationsByJob("default", "web")].length, 1, "not before its time");
    await world.clock.advance(15_000);
    assert.equal(world.cluster.state.snapshot().evaluation(waits[0]?.ID ?? "")?.Status, "complete");
    assert.equal([...world.cluster.state.snapshot().allocationsByJob("default", "web")].length, 2);
  }));

test("a job that had to make room for a more important one gets an evaluation in the entry that took the room", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1", memoryMB: 1_000 });
    const PreemptionConfig = { ...DEFAULT_SCHEDULER_CONFIGURATION.PreemptionConfig, ServiceSchedulerEnabled: true };
    await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, PreemptionConfig }, null);
    await world.server.registerJob({ Job: jobOf({ id: "small", count: 1, memoryMB: 800, priority: 20 }) });
    await world.clock.advance(2_000);
    const told: string[][] = [];
    world.cluster.state.watch.subscribe(({ command }) => {
      if (command.type !== "plan-apply" || !command.Plan.Stops.some((stop) => stop.DesiredStatus === "evict")) return;
      told.push(command.Evaluations.filter((each) => each.TriggeredBy === "preemption").map((each) => each.JobID));
    });
    await world.server.registerJob({ Job: jobOf({ id: "large", count: 1, memoryMB: 800, priority: 90 }) });
    await world.clock.advance(5_000);
    assert.equal(statuses(world, "large"), "running");
    assert.deepEqual(told, [["small"]]);
    assert.equal(world.server.statistics()["blocked_evals.total_blocked"], 1, "the one that went waits for room");
  }));

test("a system job that lacks room on one node waits for that node", () =>
  inside({}, async (world) => {
    const small = await world.addNode({ name: "small", memoryMB: 1_000 });
    await world.addNode({ name: "large" });
    await world.server.registerJob({
      Job: jobOf({
        id: "first",
        count: 1,
        memoryMB: 900,
        constraints: [{ LTarget: "${node.unique.name}", RTarget: "small", Operand: "=" }],
      }),
    });
    await world.clock.advance(2_000);
    await world.server.registerJob({ Job: jobOf({ id: "agent", type: "system", count: 1, memoryMB: 500 }) });
    await world.clock.advance(2_000);
    assert.equal(statuses(world, "agent"), "running");
    const waiting = [...world.cluster.state.snapshot().evaluationsByJob("default", "agent")].filter((each) => each.Status === "blocked");
    assert.deepEqual(
      waiting.map((each) => each.NodeID),
      [small.id],
    );
    await world.server.deregisterJob("default", "first", stop);
    await world.clock.advance(2_000);
    assert.equal(statuses(world, "agent"), "running running");
  }));

test("when a job is stopped what was to be tried again later is cancelled, and the job can be forgotten at once", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const reschedule = { Delay: 3_600e9, DelayFunction: "constant", MaxDelay: 7_200e9, Unlimited: true };
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, reschedule, update: { MaxParallel: 0 } }) });
    await world.clock.advance(20_000);
    const [first] = [...world.cluster.state.snapshot().allocationsByJob("default", "web")];
    assert.ok(first !== undefined);
    world.nodes[0]?.finish(first.ID, "failed");
    await world.clock.advance(5_000);
    assert.equal(world.server.statistics()["broker.total_waiting"], 1);
    await world.server.deregisterJob("default", "web", stop);
    await world.clock.advance(5_000);
    assert.equal(world.server.statistics()["broker.total_waiting"], 0);
    await world.server.collectGarbage();
    assert.equal(world.cluster.state.snapshot().job("default", "web"), undefined);
  }));

test("what falls due while the broker is paused waits quietly, and is taken when it goes on", { timeout: 20_000 }, () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    const reschedule = { Delay: 5e9, DelayFunction: "constant", Unlimited: true };
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, reschedule }) });
    await world.clock.advance(1_000);
    node.finish([...node.allocations.keys()][0] as AllocationId, "failed");
    await world.clock.advance(1_000);
    const configuration = world.cluster.state.snapshot().schedulerConfiguration();
    await world.server.setSchedulerConfiguration({ ...configuration, PauseEvalBroker: true }, null);
    // A timer that is due again at once would hold up this time for ever.
    await world.clock.advance(10_000);
    assert.equal(statuses(world, "web"), "failed");
    await world.server.setSchedulerConfiguration({ ...configuration, PauseEvalBroker: false }, null);
    await world.clock.advance(1_000);
    assert.equal(statuses(world, "web"), "running");
  }),
);
