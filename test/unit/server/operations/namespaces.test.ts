import assert from "node:assert/strict";
import { test } from "node:test";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside } from "../inside.ts";

const stop = { Purge: false, EvalPriority: 0, NoShutdownDelay: false };
const refusal =
  (words: RegExp, statusCode = 400) =>
  (thrown: unknown) => {
    assert.match((thrown as Error).message, words);
    assert.equal((thrown as { statusCode?: number }).statusCode, statusCode);
    return true;
  };

test("a namespace is created, replaced whole, and holds its own jobs", () =>
  inside({}, async (world) => {
    const first = await world.server.upsertNamespace({ Name: "team-a", Description: "first", Meta: { owner: "a" } });
    await world.server.upsertNamespace({ Name: "team-a", Description: "second" });
    const record = world.cluster.state.snapshot().namespace("team-a");
    assert.deepEqual([record?.Description, record?.Meta, record?.CreateIndex], ["second", {}, first.Index]);
    await world.server.registerJob({ Job: { ...jobOf({ id: "web", count: 1 }), Namespace: "team-a" }, namespace: "team-a" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    const snapshot = world.cluster.state.snapshot();
    assert.deepEqual([snapshot.job("team-a", "web")?.TaskGroups[0]?.Count, snapshot.job("default", "web")?.TaskGroups[0]?.Count], [1, 2]);
  }));

test("what is no namespace is refused by name", () =>
  inside({}, async (world) => {
    const refused = (record: unknown, words: RegExp) => assert.rejects(world.server.upsertNamespace(record), refusal(words));
    await refused(null, /it is not an object/);
    await refused({ Name: "two words" }, /its name must be 1 to 128 letters, digits and dashes/);
    await refused({ Name: "under_score" }, /its name must be/);
    await refused({ Name: "a".repeat(129) }, /its name must be/);
    await refused({ Name: "a", Description: "d".repeat(257) }, /its description is longer than 256/);
    await refused({ Name: "a", Meta: { key: 5 } }, /Meta is not a map of texts/);
    await refused({ Name: "a", Quota: "small" }, /Quota is set: Drover does not have it: there are no quotas; /);
    await refused({ Name: "a", Capabilities: { EnabledTaskDrivers: "exec" } }, /Capabilities.EnabledTaskDrivers is not a list/);
    await refused(
      { Name: "a", Capabilities: { EnabledTaskDrivers: ["x"], DisabledTaskDrivers: ["x"] } },
      /"x" is both enabled and disabled/,
    );
  }));

test("a namespace goes only when nothing in it lives; default never", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.upsertNamespace({ Name: "team-a" });
    await world.server.registerJob({ Job: { ...jobOf({ id: "web", count: 1 }), Namespace: "team-a" } });
    await world.clock.advance(1_000);
    await assert.rejects(world.server.deleteNamespace("default"), refusal(/always exists/));
    await assert.rejects(world.server.deleteNamespace("none"), refusal(/no such namespace/, 404));
    await assert.rejects(world.server.deleteNamespace("team-a"), refusal(/job "web" in it is not dead/));
    await world.server.deregisterJob("team-a", "web", stop);
    await world.clock.advance(10_000);
    await world.server.deleteNamespace("team-a");
    assert.equal(world.cluster.state.snapshot().namespace("team-a"), undefined);
  }));

test("a job is refused in a namespace that is not there, or that does not allow its drivers and network modes", () =>
  inside({}, async (world) => {
    const register = (job: Record<string, unknown>) => world.server.registerJob({ Job: { ...job, Namespace: "team-a" } });
    const job = jobOf({ id: "web", count: 1, dynamicPorts: 1 });
    await assert.rejects(register(job), refusal(/nonexistent namespace "team-a"/));
    assert.match((await world.server.validateJob({ Job: { ...job, Namespace: "team-a" } })).Error, /nonexistent namespace "team-a"/);
    await assert.rejects(world.server.planJob({ Job: { ...job, Namespace: "team-a" }, Diff: false }), refusal(/nonexistent namespace/));
    await world.server.upsertNamespace({ Name: "team-a", Capabilities: { DisabledTaskDrivers: ["mock_driver"] } });
    await assert.rejects(
      register(job),
      refusal(/task "task" of group "group" uses driver "mock_driver", which namespace "team-a" does not allow/),
    );
    await world.server.upsertNamespace({ Name: "team-a", Capabilities: { EnabledTaskDrivers: ["exec"] } });
    await assert.rejects(register(job), refusal(/uses driver "mock_driver"/));
    await world.server.upsertNamespace({ Name: "team-a", Capabilities: { EnabledNetworkModes: ["bridge"] } });
    await assert.rejects(register(job), refusal(/group "group" uses network mode "host"/));
    await world.server.upsertNamespace({
      Name: "team-a",
      Capabilities: { EnabledTaskDrivers: ["mock_driver"], DisabledNetworkModes: ["bridge"] },
    });
    await register(job);
  }));

test("a node pool says how long identities of its nodes last, as a duration or in nanoseconds, or leaves it open", () =>
  inside({}, async (world) => {
    const kept = async (NodeIdentityTTL: unknown) => {
      await world.server.upsertNodePool({ Name: "gpu", NodeIdentityTTL });
      return world.cluster.state.snapshot().nodePool("gpu")?.NodeIdentityTTL;
    };
    assert.deepEqual([await kept("90m"), await kept(60e9), await kept(""), await kept(null)], [5_400e9, 60e9, undefined, undefined]);
    assert.equal(await kept("8760h"), 8_760 * 3_600e9, "a year");
    for (const wrong of ["soon", -5, "-1h", 1.5, true]) await assert.rejects(kept(wrong), refusal(/NodeIdentityTTL is not a duration/));
  }));

test("node pools are created, kept while in use, and those that are built in stay as they are", () =>
  inside({}, async (world) => {
    await world.server.upsertNodePool({ Name: "gpu_1", Description: "cards", SchedulerConfiguration: { SchedulerAlgorithm: "spread" } });
    assert.deepEqual(world.cluster.state.snapshot().nodePool("gpu_1")?.SchedulerConfiguration, {
      SchedulerAlgorithm: "spread",
      MemoryOversubscriptionEnabled: null,
    });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, nodePool: "gpu_1" }) });
    await assert.rejects(world.server.deleteNodePool("gpu_1"), refusal(/job "web" in namespace "default" uses it and is not dead/));
    await world.server.deregisterJob("default", "web", { ...stop, Purge: true });
    await world.clock.advance(1_000);
    await world.server.deleteNodePool("gpu_1");
    await assert.rejects(
      world.server.registerJob({ Job: jobOf({ id: "web", count: 1, nodePool: "gpu_1" }) }),
      refusal(/nonexistent node pool "gpu_1"/),
    );
    await assert.rejects(world.server.upsertNodePool({ Name: "default", Description: "mine" }), refusal(/it is built in/));
    await assert.rejects(world.server.deleteNodePool("all"), refusal(/it is built in/));
    await assert.rejects(world.server.upsertNodePool({ Name: "a b" }), refusal(/its name must be/));
    await assert.rejects(
      world.server.upsertNodePool({ Name: "a", SchedulerConfiguration: { SchedulerAlgorithm: "best" } }),
      refusal(/must be binpack or spread/),
    );
    await assert.rejects(world.server.upsertNodePool({ Name: "a", Description: "d".repeat(257) }), refusal(/longer than 256/));
  }));

test("a job cannot become of another type, periodic or parameterized, nor stop being so", () =>
  inside({}, async (world) => {
    await world.server.registerJob({ Job: jobOf({ id: "job", type: "batch", count: 1 }) });
    const again = (more: Record<string, unknown>, type: "batch" | "service" = "batch") =>
      world.server.registerJob({ Job: { ...jobOf({ id: "job", type, count: 1 }), ...more } });
    const periodic = { Periodic: { Enabled: true, Specs: ["@daily"], SpecType: "cron" } };
    const parameterized = { ParameterizedJob: { Payload: "optional" } };
    await assert.rejects(again({}, "service"), refusal(/the type is immutable/));
    await assert.rejects(again(periodic), refusal(/cannot update non-periodic job to being periodic/));
    await assert.rejects(again(parameterized), refusal(/cannot update non-parameterized job to being parameterized/));
    await world.server.deregisterJob("default", "job", { ...stop, Purge: true });
    await again(periodic);
    await assert.rejects(again({}), refusal(/cannot update periodic job to being non-periodic/));
  }));

test("registering can keep counts and resources as they are, and give the evaluation a priority of its own", () =>
  inside({}, async (world) => {
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 4, cpu: 100, memoryMB: 100 }) });
    const answer = await world.server.registerJob({
      Job: jobOf({ id: "web", count: 1, cpu: 500, memoryMB: 500, environment: { version: "2" } }),
      PreserveCounts: true,
      PreserveResources: true,
      EvalPriority: 80,
    });
    const snapshot = world.cluster.state.snapshot();
    const [group] = snapshot.job("default", "web")?.TaskGroups ?? [];
    assert.deepEqual([group?.Count, group?.Tasks[0]?.Resources?.CPU, group?.Tasks[0]?.Env], [4, 100, { version: "2" }]);
    assert.equal(snapshot.evaluation(answer.EvalID)?.Priority, 80);
    await assert.rejects(
      world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }), EvalPriority: 101 }),
      refusal(/EvalPriority is 101/),
    );
    await assert.rejects(world.server.registerJob({ Job: jobOf({ id: "big", count: 50_001 }) }), refusal(/50000|50,000/));
  }));
