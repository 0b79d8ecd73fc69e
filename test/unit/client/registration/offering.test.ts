/** Services through an allocation's whole life, by the whole node: from its first step to its last, through kills and losses. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Allocation, DeploymentId, Service, TaskGroup } from "#model";
import { clientKillPoints } from "#client";
import { createMemoryCatalog, createMemoryTokenExchange, createSeededRandom, type MemoryCatalog } from "#integrations/memory";
import type { Probe, ProbeResult } from "#ports";
import { allocationId, anAllocation, createStage, NANOSECONDS, SECOND, type AllocationShape, type Stage } from "../stage.ts";
import { anIdentity } from "../identity/nouns.ts";
import { aCheck, aPort, aService } from "./nouns.ts";

const A = allocationId("a");
const B = allocationId("b");

/** What a probe answers; may be changed at any time. */
function scene(seed = 1) {
  const stage = createStage(seed);
  const consul = createMemoryCatalog();
  const answer: { -readonly [Key in keyof ProbeResult]: ProbeResult[Key] } = { passing: true, statusCode: 200, output: "fine" };
  const look = () => Promise.resolve({ ...answer });
  const probe: Probe = { http: look, tcp: look };
  const agent = (more: Parameters<Stage["agent"]>[0] = {}) => stage.agent({ catalogs: [consul.as("here")], probe, ...more });
  return { stage, consul, answer, agent };
}

function offering(services: readonly Service[], { group, ...shape }: AllocationShape = {}, letter = "a"): Allocation {
  const made = anAllocation(letter, { group: { ...group, Services: [...services] } as Partial<TaskGroup>, ...shape });
  return {
    ...made,
    AllocatedResources: { ...made.AllocatedResources, Shared: { DiskMB: 1, Networks: [], Ports: [aPort("http", 20_001)] } },
  } as Allocation;
}

const consulService = (fields: Partial<Service> = {}) => aService({ Provider: "consul", ...fields });
const names = (catalog: MemoryCatalog) => [...catalog.services.values()].map((each) => each.instance.Name).toSorted();
const registered = (stage: Stage) => [...stage.server.services.values()].map((each) => each.ServiceName).toSorted();
const stopped = (stage: Stage, id = A): Allocation => ({ ...(stage.server.allocations.get(id) as Allocation), DesiredStatus: "stop" });

describe("services of an allocation", () => {
  test("the group's stand from the beginning, a task's while it runs; both are gone when it is over", async () => {
    const { stage, agent } = scene();
    await agent();
    const tasks = [
      {
        Name: "before",
        Lifecycle: { Hook: "prestart", Sidecar: false },
        Config: { run_for: 5 * SECOND },
        Services: [aService({ Name: "early" })],
      },
      { Services: [aService({ Name: "main" })] },
    ];
    stage.server.put(offering([aService({ Name: "group" })], { tasks }));
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual(registered(stage), ["early", "group"]);
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(registered(stage), ["group", "main"]);
    const [one] = [...stage.server.services.values()];
    assert.deepEqual(
      [one?.Namespace, one?.JobID, one?.AllocID, one?.Datacenter, one?.Address, one?.Port],
      ["default", "app", A, "dc1", "192.0.2.5", 20_001],
    );
    stage.server.put(stopped(stage));
    await stage.clock.advance(2 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "complete");
    assert.deepEqual(registered(stage), []);
  });

  test("are withdrawn first, then shutdown_delay passes, then comes the signal", async () => {
    const { stage, consul, agent } = scene();
    await agent();
    stage.server.put(offering([consulService()], { group: { ShutdownDelay: 10 * NANOSECONDS } }));
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual(names(consul), ["web"]);
    // A slow catalog: the delay counts from when it has answered.
    consul.delay = () => stage.clock.sleep(SECOND);
    const process = stage.machine.processes.get(`${A}.main.0`);
    stage.server.put(stopped(stage));
    await stage.clock.advance(SECOND + 500);
    assert.deepEqual(names(consul), []);
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual(process?.signals, []);
    await stage.clock.advance(SECOND);
    assert.deepEqual(process?.signals, ["SIGINT"]);
  });

  test("a catalog that is away holds a stop up for 5 s, not longer; a crash for no time at all", async () => {
    const { stage, consul, agent } = scene();
    await agent();
    const RestartPolicy = { Attempts: 5, Interval: 300 * NANOSECONDS, Delay: 0, Mode: "fail", RenderTemplates: false };
    stage.server.put(offering([], { tasks: [{ RestartPolicy, Services: [consulService()] }] }));
    await stage.clock.advance(2 * SECOND);
    consul.away = true;
    stage.machine.end(`${A}.main.0`, 1);
    await stage.clock.advance(100);
    assert.equal(stage.machine.everStarted.length, 2);
    stage.server.put(stopped(stage));
    await stage.clock.advance(4_500);
    assert.equal(stage.machine.processes.size, 1);
    await stage.clock.advance(SECOND);
    assert.equal(stage.machine.processes.size, 0);
    consul.away = false;
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(names(consul), []);
  });

  test("a restart takes the task's services off and brings them back; the group's stay", async () => {
    const { stage, consul, agent } = scene();
    const { client } = await agent();
    stage.server.put(offering([consulService({ Name: "group" })], { tasks: [{ Services: [consulService({ Name: "main" })] }] }));
    await stage.clock.advance(2 * SECOND);
    consul.requests.length = 0;
    await client.services.restartAllocation(A, "main", false);
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual(names(consul), ["group", "main"]);
    const main = [...consul.services.keys()].find((id) => id.includes("-main-main-"));
    assert.deepEqual(
      consul.requests.filter((each) => each.includes("_nomad-task")),
      [`deregister ${main}`, `register ${main}`],
    );
    assert.equal(stage.machine.everStarted.length, 2);
  });

  test("a batch job that has ended offers nothing", async () => {
    const { stage, consul, agent } = scene();
    await agent();
    stage.server.put(offering([consulService()], { type: "batch", tasks: [{ Config: { run_for: 5 * SECOND } }] }));
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual(names(consul), ["web"]);
    await stage.clock.advance(5 * SECOND);
    assert.deepEqual(names(consul), []);
  });

  test("promotion and changes in place are followed without taking the service off", async () => {
    const { stage, consul, agent } = scene();
    await agent();
    const DeploymentStatus = { Healthy: null, Canary: true, Timestamp: "", ModifyIndex: 1 };
    const canary = offering([consulService({ Tags: ["live"], CanaryTags: ["canary"] })], { DeploymentStatus } as AllocationShape);
    stage.server.put(canary);
    await stage.clock.advance(2 * SECOND);
    const tags = () => [...consul.services.values()].map((each) => each.instance.Tags);
    assert.deepEqual(tags(), [["canary"]]);
    stage.server.put({ ...canary, DeploymentStatus: { ...DeploymentStatus, Healthy: true, Canary: false } });
    await stage.clock.advance(SECOND);
    assert.deepEqual(tags(), [["live"]]);
    const Job = offering([consulService({ Tags: ["other"] }), consulService({ Name: "second" })]).Job;
    stage.server.put({ ...canary, DeploymentStatus: null, Job });
    await stage.clock.advance(SECOND);
    assert.deepEqual(tags(), [["other"], []]);
    assert.ok(!consul.requests.some((each) => each.startsWith("deregister")));
  });

  test("one that comes in place with an identity of its own is signed, gets its token, and stands", async () => {
    const { stage, consul, agent } = scene();
    const tokenExchange = createMemoryTokenExchange({ clock: stage.clock, random: createSeededRandom(5), lifeMs: null });
    await agent({ tokenExchange });
    const before = offering([consulService()]);
    stage.server.put(before);
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual([names(consul), stage.server.signed.length], [["web"], 0]);
    const Identity = anIdentity({ Name: "consul-service_late", ServiceName: "late" });
    const { Job } = offering([consulService(), consulService({ Name: "late", Identity })]);
    stage.server.put({ ...before, Job: { ...Job, JobModifyIndex: before.Job.JobModifyIndex + 1 } });
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual([names(consul), stage.server.signed.length], [["late", "web"], 1]);
    const [secret] = tokenExchange.tokens.keys();
    assert.equal([...consul.services.values()].find((each) => each.instance.Name === "late")?.token, secret);
    stage.server.put(stopped(stage));
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual([names(consul), [...tokenExchange.tokens]], [[], []]);
  });

  test("none stands while an allocation that could not be set up ends", async () => {
    const { stage, consul, agent } = scene();
    stage.machine.diskFull = true;
    await agent();
    stage.server.put(offering([consulService()], { tasks: [{ Services: [consulService({ Name: "main" })] }] }));
    await stage.clock.advance(20 * SECOND);
    assert.equal(stage.told(A)?.ClientStatus, "failed");
    assert.ok(!consul.requests.some((each) => each.startsWith("register")));
  });

  test("lives that end while Consul is away leave nothing in the agent's books once it is back, nor in Consul", async () => {
    const { stage, consul, agent } = scene();
    const tokenExchange = createMemoryTokenExchange({ clock: stage.clock, random: createSeededRandom(5), lifeMs: null });
    const { client } = await agent({ tokenExchange });
    const Identity = anIdentity({ Name: "consul-service_web", ServiceName: "web" });
    const letters = ["c", "d", "e", "f"];
    for (const letter of letters) stage.server.put(offering([consulService({ Identity })], {}, letter));
    await stage.clock.advance(3 * SECOND);
    assert.equal(tokenExchange.tokens.size, 4);
    consul.away = true;
    for (const letter of letters) stage.server.put(stopped(stage, allocationId(letter)));
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual([tokenExchange.tokens.size, names(consul).length], [0, 4], "over, and their services cannot be taken off yet");
    consul.away = false;
    await stage.clock.advance(30 * SECOND);
    for (const letter of letters) stage.server.forget(allocationId(letter));
    await stage.clock.advance(30 * SECOND);
    assert.deepEqual(names(consul), []);
    const { running: _running, ...left } = client.statistics();
    assert.deepEqual(
      Object.entries(left).filter(([, count]) => count > 0),
      [],
    );
  });

  test("one that an operator deletes from the servers' registry is there again at once where changes are followed, within 10 s elsewhere", async () => {
    const { stage, agent } = scene();
    await agent();
    stage.server.put(offering([aService()]));
    await stage.clock.advance(2 * SECOND);
    const [id] = [...stage.server.services.keys()] as [string];
    stage.server.services.clear();
    await stage.clock.advance(10 * SECOND + 100);
    assert.deepEqual(registered(stage), ["web"]);
    const change = { ClusterId: "cluster", Index: 9, Complete: false, Changed: [], Gone: [id] };
    stage.server.services.clear();
    stage.server.end?.servicesChanged(change);
    await stage.clock.advance(100);
    assert.deepEqual(registered(stage), ["web"]);
    // Somebody else's word about it is not ours.
    const mine = stage.server.services.get(id) as never as { readonly Tags: readonly string[] };
    stage.server.services.set(id, { ...mine, Tags: ["strange"] } as never);
    stage.server.end?.servicesChanged({ ...change, Index: 10, Gone: [], Changed: [...stage.server.services.values()] });
    await stage.clock.advance(100);
    assert.deepEqual(
      [...stage.server.services.values()].map((each) => each.Tags),
      [[]],
    );
  });

  test("one that the servers refuse keeps no other of the same moment out", async () => {
    const { stage, agent } = scene();
    stage.server.refuseService = (each) => each.ServiceName === "bad";
    await agent();
    stage.server.put(offering([aService({ Name: "bad" }), aService(), aService({ Name: "other" })]));
    await stage.clock.advance(SECOND);
    assert.deepEqual(registered(stage), ["other", "web"]);
    stage.server.refuseService = () => false;
    await stage.clock.advance(31 * SECOND);
    assert.deepEqual(registered(stage), ["bad", "other", "web"]);
  });

  test("one that cannot be offered says why in the task's events, and makes the allocation unhealthy", async () => {
    const { stage, agent } = scene();
    await agent();
    const Update = { HealthCheck: "checks", MinHealthyTime: 5 * NANOSECONDS, HealthyDeadline: 20 * NANOSECONDS };
    stage.server.put(offering([aService({ PortLabel: "nothing" })], { DeploymentID: "d1" as DeploymentId, group: { Update } as never }));
    await stage.clock.advance(30 * SECOND);
    const events = stage.told(A)?.TaskStates["main"]?.Events ?? [];
    assert.equal(events.filter((event) => event.Type === "Task hook failed").length, 1);
    assert.match(events.at(-1)?.DisplayMessage ?? "", /Unhealthy because service "web": port "nothing" is neither a port label/);
  });
});

describe("health that waits for services", () => {
  const Update = { HealthCheck: "checks", MinHealthyTime: 10 * NANOSECONDS, HealthyDeadline: 60 * NANOSECONDS };
  const deployed = (service: Service, more: Record<string, unknown> = {}, shape: AllocationShape = {}) =>
    offering([service], { ...shape, DeploymentID: "d1" as DeploymentId, group: { Update: { ...Update, ...more } } as never });
  const verdict = (stage: Stage) =>
    stage.server.updates.map(({ update }) => update.DeploymentStatus).findLast((each) => each !== undefined && each !== null)?.Healthy;
  const why = (stage: Stage) =>
    stage.told(A)?.TaskStates["main"]?.Events.findLast((event) => event.Type === "Alloc Unhealthy")?.DisplayMessage;

  test("is given when every check has passed for min_healthy_time without a pause", async () => {
    const { stage, consul, agent } = scene();
    await agent();
    stage.server.put(deployed(consulService({ Checks: [aCheck()] })));
    await stage.clock.advance(15 * SECOND);
    assert.equal(verdict(stage), undefined);
    const pass = (status: "passing" | "critical") => {
      for (const id of consul.standings.keys()) consul.standings.set(id, { status, output: "HTTP 500" });
    };
    pass("passing");
    await stage.clock.advance(8 * SECOND);
    pass("critical");
    await stage.clock.advance(SECOND);
    pass("passing");
    await stage.clock.advance(9 * SECOND);
    assert.equal(verdict(stage), undefined, "the pause began it anew");
    await stage.clock.advance(3 * SECOND);
    assert.equal(verdict(stage), true);
    consul.requests.length = 0;
    await stage.clock.advance(60 * SECOND);
    const asked = consul.requests.filter((each) => each === "checks").length;
    assert.ok(asked <= 15, `${asked} times, though nobody waits any more`);
  });

  test("names the check that is in the way when the deadline passes", async () => {
    const { stage, answer, agent } = scene();
    Object.assign(answer, { passing: false, statusCode: 500, output: "boom" });
    await agent();
    stage.server.put(deployed(aService({ Checks: [aCheck()] })));
    await stage.clock.advance(62 * SECOND);
    assert.equal(verdict(stage), false);
    assert.equal(why(stage), 'Unhealthy because check "lives" of service "web" is critical (boom) by healthy_deadline of 1m0s');
  });

  test("waits for the registration itself, though there is no check", async () => {
    const { stage, consul, agent } = scene();
    consul.away = true;
    await agent();
    stage.server.put(deployed(consulService()));
    await stage.clock.advance(30 * SECOND);
    assert.equal(verdict(stage), undefined);
    consul.away = false;
    await stage.clock.advance(5 * SECOND);
    assert.equal(verdict(stage), undefined);
    await stage.clock.advance(10 * SECOND);
    assert.equal(verdict(stage), true);
  });

  test("does not wait for checks that are ignored, nor at all where health_check is task_states", async () => {
    for (const [service, more] of [
      [aService({ Checks: [aCheck({ OnUpdate: "ignore" })] }), {}],
      [aService({ Checks: [aCheck()] }), { HealthCheck: "task_states" }],
    ] as const) {
      const { stage, answer, agent } = scene();
      answer.passing = false;
      await agent();
      stage.server.put(deployed(service, more));
      await stage.clock.advance(13 * SECOND);
      assert.equal(verdict(stage), true);
    }
  });

  test("takes a warning for well only where warnings are ignored", async () => {
    for (const [OnUpdate, expected] of [
      ["ignore_warnings", true],
      ["require_healthy", false],
    ] as const) {
      const { stage, consul, agent } = scene();
      await agent();
      stage.server.put(deployed(consulService({ Checks: [aCheck({ OnUpdate, InitialStatus: "warning" })] })));
      await stage.clock.advance(62 * SECOND);
      assert.equal(consul.standings.size, 1);
      assert.equal(verdict(stage), expected);
    }
  });

  test("a check that restarts its task during a rollout never counts as healthy (F17)", async () => {
    const { stage, answer, agent } = scene();
    answer.passing = false;
    await agent();
    const CheckRestart = { Limit: 1, Grace: 2 * NANOSECONDS, IgnoreWarnings: false };
    const RestartPolicy = { Attempts: 20, Interval: 300 * NANOSECONDS, Delay: NANOSECONDS, Mode: "fail", RenderTemplates: false };
    const service = aService({ Checks: [aCheck({ Interval: 5 * NANOSECONDS, CheckRestart })] });
    stage.server.put(deployed(service, {}, { tasks: [{ RestartPolicy }] }));
    await stage.clock.advance(70 * SECOND);
    assert.equal(verdict(stage), false);
    assert.ok(stage.machine.everStarted.length > 5);
  });
});

describe("a check that restarts", () => {
  const CheckRestart = { Limit: 2, Grace: 3 * NANOSECONDS, IgnoreWarnings: false };
  const check = aCheck({ Interval: 4 * NANOSECONDS, CheckRestart });
  const RestartPolicy = { Attempts: 1, Interval: 300 * NANOSECONDS, Delay: 2 * NANOSECONDS, Mode: "fail", RenderTemplates: false };

  test("restarts its task as a failure, by its restart policy, until that gives up", async () => {
    const { stage, answer, agent } = scene();
    answer.passing = false;
    await agent();
    stage.server.put(offering([], { tasks: [{ RestartPolicy, Services: [aService({ Checks: [check] })] }, { Name: "other" }] }));
    await stage.clock.advance(12 * SECOND);
    assert.deepEqual(stage.events(A).slice(3, 6), ["Restart Signaled", "Terminated", "Restarting"]);
    const event = stage.told(A)?.TaskStates["main"]?.Events[3];
    assert.equal(event?.DisplayMessage, 'healthcheck: check "lives" unhealthy');
    assert.equal(stage.told(A)?.TaskStates["other"]?.Restarts, 0);
    await stage.clock.advance(30 * SECOND);
    assert.equal(stage.events(A).filter((each) => each === "Not Restarting").length, 1);
    assert.equal(stage.told(A)?.ClientStatus, "failed");
  });

  test("of a group restarts all its tasks, and leaves them alone once it passes again", async () => {
    const { stage, answer, agent } = scene();
    answer.passing = false;
    await agent();
    stage.server.put(offering([aService({ Checks: [check] })], { tasks: [{ RestartPolicy }, { Name: "other", RestartPolicy }] }));
    await stage.clock.advance(11 * SECOND);
    answer.passing = true;
    await stage.clock.advance(120 * SECOND);
    for (const task of ["main", "other"]) assert.equal(stage.told(A)?.TaskStates[task]?.Restarts, 1, task);
    assert.equal(stage.told(A)?.ClientStatus, "running");
  });
});

describe("services of a node that is killed", () => {
  test("stand on while it is away; those of what ended meanwhile go when it is back, and no others", async () => {
    const { stage, consul, agent } = scene();
    const first = await agent();
    stage.server.put(offering([consulService()]), offering([consulService({ Name: "gone" })], {}, "b"));
    await stage.clock.advance(2 * SECOND);
    first.kill();
    stage.server.put(stopped(stage, B));
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual(names(consul), ["gone", "web"]);
    consul.requests.length = 0;
    await agent();
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual(names(consul), ["web"]);
    assert.ok(!consul.requests.some((each) => each.startsWith("register") || (each.startsWith("deregister") && each.includes(A))));
  });

  test("that lost its memory too are taken for dead only when the servers have said who lives", async () => {
    const { stage, consul, agent } = scene();
    const first = await agent();
    stage.server.put(offering([consulService()]), offering([consulService({ Name: "gone" })], {}, "b"));
    await stage.clock.advance(2 * SECOND);
    first.kill();
    stage.memory.allocations.clear();
    stage.server.allocations.delete(B);
    await agent();
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual(names(consul), ["web"]);
  });

  for (const provider of ["consul", "nomad"] as const)
    test(`wherever it died: the catalog says what lives, then nothing (provider ${provider})`, async () => {
      for (const point of clientKillPoints()) {
        const { stage, consul, agent } = scene();
        const there = () => (provider === "consul" ? names(consul) : registered(stage));
        await agent({ dieAt: point });
        const service = (Name: string) => aService({ Provider: provider, Name });
        const RestartPolicy = { Attempts: 3, Interval: 300 * NANOSECONDS, Delay: NANOSECONDS, Mode: "fail", RenderTemplates: false };
        stage.server.put(offering([service("group")], { tasks: [{ RestartPolicy, Services: [service("main")] }] }));
        await stage.clock.advance(3 * SECOND);
        if (stage.machine.processes.has(`${A}.main.0`)) stage.machine.end(`${A}.main.0`, 1);
        await stage.clock.advance(5 * SECOND);
        await agent();
        await stage.clock.advance(10 * SECOND);
        assert.deepEqual(there(), ["group", "main"], point);
        const dying = await agent({ dieAt: point });
        stage.server.put(stopped(stage));
        await stage.clock.advance(10 * SECOND);
        if (dying.dead()) await agent();
        await stage.clock.advance(10 * SECOND);
        stage.server.forget(A);
        await stage.clock.advance(10 * SECOND);
        await agent();
        await stage.clock.advance(35 * SECOND);
        assert.deepEqual(there(), [], point);
        assert.equal(stage.memory.allocations.size, 0, point);
      }
    });
});
