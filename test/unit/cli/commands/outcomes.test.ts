/** What commands make of the servers' answers: exit codes, what is chosen, what comes first. Each was a line that could be changed unseen. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { NodeDetail } from "#api/contract";
import type { AllocMetric, Allocation } from "#model";
import { CONNECTION_FLAGS, type Command } from "../../../../src/cli/command.ts";
import { allocStatus } from "../../../../src/cli/commands/alloc-status.ts";
import { evalDelete } from "../../../../src/cli/commands/eval-delete.ts";
import { fmt } from "../../../../src/cli/commands/fmt.ts";
import { jobDispatch } from "../../../../src/cli/commands/job-dispatch.ts";
import { jobHistory } from "../../../../src/cli/commands/job-history.ts";
import { jobInspect } from "../../../../src/cli/commands/job-inspect.ts";
import { jobPlan } from "../../../../src/cli/commands/job-plan.ts";
import { jobRun } from "../../../../src/cli/commands/job-run.ts";
import { jobScale } from "../../../../src/cli/commands/job-scale.ts";
import { jobStatus } from "../../../../src/cli/commands/job-status.ts";
import { jobStop } from "../../../../src/cli/commands/job-stop.ts";
import { nodeStatus } from "../../../../src/cli/commands/node-status.ts";
import { operatorSnapshotSave } from "../../../../src/cli/commands/operator-snapshot.ts";
import { serverMembers } from "../../../../src/cli/commands/server-members.ts";
import { serviceList } from "../../../../src/cli/commands/service.ts";
import { readJob } from "../../../../src/jobspec/admit/read.ts";
import { monitorEvaluation } from "../../../../src/cli/monitor-evaluation.ts";
import { pickAllocation } from "../../../../src/cli/pick-allocation.ts";
import { renderMetric } from "../../../../src/cli/render/metric.ts";
import { allocatedResources } from "../../../../src/cli/render/node.ts";
import { reschedulesAhead } from "../../../../src/cli/render/reschedules.ts";
import { restartInPlace } from "../../../../src/cli/restart/one.ts";
import { answered, fakeContext, inTurn, NOW_MS, type FakeContext } from "../fake-context.ts";

const STUB = { ID: "web", Namespace: "default", Status: "running" };
const list = async () => answered([STUB]);

function world(command: Command, words: readonly string[], api: object, more: { readonly answer?: string } = {}): FakeContext {
  return fakeContext({ words, flags: { ...CONNECTION_FLAGS, ...command.flags }, api, ...more });
}

/** `work` gets a folder of its own, which is this process's meanwhile. */
async function within(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "drover-outcomes-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("monitorEvaluation() says of an allocation older than the evaluation that it was modified, of another that it was created", async () => {
  const allocation = { NodeID: "n1", TaskGroup: "g", ClientStatus: "running", ClientDescription: "" };
  const { context, printed } = fakeContext({
    api: {
      evaluations: {
        read: inTurn({ ID: "e1", JobID: "web", Status: "complete", DeploymentID: "", CreateIndex: 5, FailedTGAllocs: {} }),
        allocations: inTurn([
          { ...allocation, ID: "old", Name: "a", CreateIndex: 4 },
          { ...allocation, ID: "new", Name: "b", CreateIndex: 6 },
        ]),
      },
    },
  });
  assert.equal(await monitorEvaluation(context, "e1", { verbose: false }), 0);
  assert.match(printed.join("\n"), /Allocation "old" modified[\s\S]*Allocation "new" created/);
});

const JOB_FACTS = {
  ID: "web",
  Name: "web",
  SubmitTime: 0,
  Type: "service",
  Priority: 50,
  Datacenters: ["dc1"],
  Namespace: "default",
  NodePool: "default",
  Status: "running",
  Stop: false,
  DispatchIdempotencyToken: "",
};
const METRIC = { NodesEvaluated: 1, NodesExhausted: 1, CoalescedFailures: 0 };

test("job status tells the newest placement failure, and only while something waits", async () => {
  const failed = (index: number, group: string) => ({
    ID: `e${index}`,
    Status: "complete",
    ModifyIndex: index,
    FailedTGAllocs: { [group]: METRIC },
  });
  const api = (evaluations: readonly object[]) => ({
    jobs: {
      list,
      read: async () => answered({ ...JOB_FACTS, Periodic: null, ParameterizedJob: null, TaskGroups: [], UI: null }),
      summary: async () => answered({ Summary: {} }),
      evaluations: async () => answered(evaluations),
      allocations: async () => answered([]),
      deployment: async () => answered(null),
    },
  });
  const waiting = { ID: "b", Status: "blocked", ModifyIndex: 9, FailedTGAllocs: {} };
  const shown = async (evaluations: readonly object[]) => {
    const { context, printed } = world(jobStatus, ["web"], api(evaluations));
    await jobStatus.run(context);
    return printed.join("\n");
  };
  const text = await shown([failed(3, "older"), failed(8, "newest"), failed(5, "middle"), waiting]);
  assert.match(text, /Placement Failure\nTask Group "newest":/);
  assert.doesNotMatch(text, /older|middle/);
  assert.doesNotMatch(await shown([failed(8, "newest")]), /Placement Failure/);
});

for (const [what, stopped, statuses, code] of [
  ["all complete", false, ["complete", "complete"], 0],
  ["one failed", false, ["complete", "failed"], 2],
  ["stopped by somebody", true, ["complete", "complete"], 2],
  ["nothing ran", false, [], 2],
] as const) {
  test(`job dispatch -wait of a child, ${what}: exit code ${code}`, async () => {
    const { context } = world(jobDispatch, ["-wait", "web"], {
      jobs: {
        list,
        dispatch: async () => answered({ DispatchedJobID: "web/1", EvalID: "" }),
        read: async () => answered({ ID: "web/1", Status: "dead", Stop: stopped }),
        allocations: async () =>
          answered(statuses.map((ClientStatus, at) => ({ ID: `a${at}`, Name: `n${at}`, TaskGroup: "g", CreateIndex: at, ClientStatus }))),
      },
    });
    assert.equal(await jobDispatch.run(context), code);
  });
}

const NOTHING = { Ignore: 1, Place: 0, Stop: 0, Migrate: 0, InPlaceUpdate: 1, DestructiveUpdate: 0, Canary: 0, Preemptions: 0 };
for (const [change, code] of [
  [{}, 0],
  [{ InPlaceUpdate: 3 }, 0],
  [{ Place: 1 }, 1],
  [{ Stop: 1 }, 1],
  [{ Migrate: 1 }, 1],
  [{ DestructiveUpdate: 1 }, 1],
  [{ Canary: 1 }, 1],
] as const) {
  test(`job plan that would ${JSON.stringify(change)}: exit code ${code}`, () =>
    within(async (folder) => {
      const file = join(folder, "a.json");
      writeFileSync(file, JSON.stringify({ ID: "web" }));
      const bodies: { readonly Diff: boolean }[] = [];
      const api = {
        jobs: {
          plan: async (_id: string, body: { readonly Diff: boolean }) => {
            bodies.push(body);
            return answered({
              Diff: null,
              Annotations: { DesiredTGUpdates: { g: { ...NOTHING, ...change } }, PreemptedAllocs: [] },
              FailedTGAllocs: {},
              NextPeriodicLaunch: null,
              Warnings: "",
              JobModifyIndex: 1,
            });
          },
        },
      };
      assert.equal(await jobPlan.run(world(jobPlan, ["-json", file], api).context), code);
      await jobPlan.run(world(jobPlan, ["-json", "-diff=false", file], api).context);
      assert.deepEqual(
        bodies.map((body) => body.Diff),
        [true, false],
      );
    }));
}

test("-job takes a running allocation, else the newest, of the group named", async () => {
  const allocation = (ID: string, CreateIndex: number, ClientStatus: string, TaskGroup: string) => ({
    ID,
    CreateIndex,
    ClientStatus,
    TaskGroup,
  });
  const chosen = async (words: readonly string[], all: readonly object[]) => {
    const { context } = fakeContext({
      words: ["-job", ...words, "web"],
      flags: { job: { kind: "boolean", about: "" }, group: { kind: "text", about: "" } },
      api: { jobs: { list, allocations: async () => answered(all) } },
    });
    return (await pickAllocation(context)).ID;
  };
  const all = [
    allocation("a", 1, "failed", "x"),
    allocation("b", 2, "running", "x"),
    allocation("c", 3, "failed", "y"),
    allocation("d", 4, "failed", "y"),
  ];
  assert.equal(await chosen([], all), "b");
  assert.equal(await chosen(["-group=y"], all), "d");
  await assert.rejects(chosen(["-group=z"], all), { code: "ALLOCATION_UNKNOWN", message: /of group "z"/ });
});

test("fmt -check of what is not canonical is exit code 1; hidden files are nobody's", () =>
  within(async (folder) => {
    writeFileSync(join(folder, "a.hcl"), "a=1\n");
    mkdirSync(join(folder, ".git"));
    writeFileSync(join(folder, ".git", "b.hcl"), "b=1\n");
    writeFileSync(join(folder, ".c.hcl"), "c=1\n");
    const { context, printed } = world(fmt, ["-check", "-recursive", folder], {});
    assert.equal(await fmt.run(context), 1);
    assert.deepEqual(printed, [join(folder, "a.hcl")]);
    writeFileSync(join(folder, "a.hcl"), "a = 1\n");
    assert.equal(await fmt.run(world(fmt, ["-check", "-recursive", folder], {}).context), 0);
  }));

test("server members: the leader is the one whose RPC address leads, and that lives", async () => {
  const member = (Name: string, port: string, Status = "alive") => ({
    Name,
    Addr: "10.0.0.1",
    Port: 4648,
    Status,
    Tags: { port, rpc_port: "1" },
    ProtocolCur: 2,
  });
  const { context, printed } = world(serverMembers, [], {
    agent: { members: async () => answered({ Members: [member("one", "4647"), member("two", "5647")] }) },
    status: { leader: async () => answered("10.0.0.1:5647") },
  });
  await serverMembers.run(context);
  assert.match(printed[1] as string, /^one .* false /);
  assert.match(printed[2] as string, /^two .* true /);
  const after = world(serverMembers, [], {
    agent: { members: async () => answered({ Members: [member("one", "4647"), member("two", "5647", "failed")] }) },
    status: { leader: async () => answered("10.0.0.1:5647") },
  });
  await serverMembers.run(after.context);
  assert.doesNotMatch(after.printed.join("\n"), / true /);
});

test("operator snapshot save leaves nothing when it fails, and asks for nothing it cannot write", () =>
  within(async (folder) => {
    const asked: string[] = [];
    const system = {
      saveSnapshot: async () => {
        asked.push("snapshot");
        return (async function* () {
          yield Buffer.from("half of it");
          throw new Error("connection lost");
        })();
      },
    };
    const save = (file: string) => operatorSnapshotSave.run(world(operatorSnapshotSave, [file], { system }).context);
    await assert.rejects(save(join(folder, "none", "a.snap")), { code: "FILE_UNWRITABLE", message: /no such folder/ });
    assert.deepEqual(asked, []);
    await assert.rejects(save(join(folder, "a.snap")), /connection lost/);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(existsSync(join(folder, "a.snap")), false);
  }));

const NODE = {
  Name: "one",
  NodePool: "default",
  Datacenter: "dc1",
  NodeClass: "",
  Drain: false,
  SchedulingEligibility: "eligible",
  Status: "ready",
};

test("node status -allocs counts those that run", async () => {
  const { context, printed } = world(nodeStatus, ["-allocs"], {
    nodes: {
      list: async () => answered([{ ...NODE, ID: "n".repeat(36) }]),
      allocations: async () => answered(["running", "complete", "running", "failed"].map((ClientStatus) => ({ ClientStatus }))),
    },
  });
  await nodeStatus.run(context);
  assert.match(printed[0] as string, / Running Allocs$/);
  assert.match(printed[1] as string, / 2$/);
});

test("job run and job scale hand -check-index on", () =>
  within(async (folder) => {
    const file = join(folder, "a.json");
    writeFileSync(file, JSON.stringify({ ID: "web" }));
    const bodies: Record<string, unknown>[] = [];
    const take = (body: Record<string, unknown>) => {
      bodies.push(body);
      return answered({ EvalID: "e1", Warnings: "" });
    };
    const jobs = {
      list,
      register: async (body: Record<string, unknown>) => take(body),
      scale: async (_id: string, body: Record<string, unknown>) => take(body),
    };
    await jobRun.run(world(jobRun, ["-json", "-detach", "-check-index=0", file], { jobs }).context);
    await jobScale.run(world(jobScale, ["-detach", "-check-index=7", "web", "g", "2"], { jobs }).context);
    assert.deepEqual([bodies[0]?.["EnforceIndex"], bodies[0]?.["JobModifyIndex"], bodies[1]?.["JobModifyIndex"]], [true, 0, 7]);
  }));

test("what is kept of a job file written in HCL's JSON form is JSON", () =>
  within(async (folder) => {
    const file = join(folder, "a.nomad.json");
    const task = { driver: "raw_exec", config: { command: "/bin/true" } };
    writeFileSync(file, ` ${JSON.stringify({ job: { web: { group: { g: { task: { t: task } } } } } })}`);
    let kept: unknown;
    const register = async (body: { readonly Submission: { readonly Format: string } }) => {
      kept = body.Submission.Format;
      return answered({ EvalID: "e1", Warnings: "" });
    };
    await jobRun.run(world(jobRun, ["-detach", file], { jobs: { register } }).context);
    assert.equal(kept, "json");
  }));

test("job stop of several answers the worst", async () => {
  const jobs = {
    list: async ({ prefix }: { readonly prefix: string }) => answered(prefix === "nope" ? [] : [{ ID: prefix, Namespace: "default" }]),
    deregister: async () => answered({ EvalID: "" }),
  };
  assert.equal(await jobStop.run(world(jobStop, ["nope", "web"], { jobs }).context), 1);
  assert.equal(await jobStop.run(world(jobStop, ["web"], { jobs }).context), 0);
});

test("renderMetric() names datacenters without nodes, and no others", () => {
  const text = renderMetric({ ...METRIC, NodesAvailable: { empty: 0, full: 3 } } as unknown as AllocMetric, { scores: false, indent: "" });
  assert.equal(text, '* No nodes are available in datacenter "empty"\n* Resources exhausted on 1 node');
});

test("reschedulesAhead() leaves out what has been replaced", () => {
  const evaluation = { ID: "e1", Status: "pending", WaitUntil: new Date(NOW_MS + 30_000).toISOString() } as never;
  const allocation = (NextAllocation: string) => ({ TaskGroup: "g", FollowupEvalID: "e1", NextAllocation }) as never;
  const style = { nowMs: NOW_MS, verbose: false };
  assert.equal(reschedulesAhead([allocation("a2")], [evaluation], style), undefined);
  assert.equal(
    reschedulesAhead([allocation("")], [evaluation], style),
    "Task Group  Eval ID  Eval Time\ng           e1       30s from now",
  );
});

test("allocatedResources() counts what is not over", () => {
  const node = {
    NodeResources: { Cpu: { CpuShares: 4000 }, Memory: { MemoryMB: 4096 }, Disk: { DiskMB: 1024 } },
    ReservedResources: { Cpu: { CpuShares: 0 }, Memory: { MemoryMB: 0 }, Disk: { DiskMB: 0 } },
  } as unknown as NodeDetail;
  const allocation = (ClientStatus: string) =>
    ({
      DesiredStatus: "run",
      ClientStatus,
      AllocatedResources: { Shared: { DiskMB: 10 }, Tasks: { t: { Cpu: { CpuShares: 100 }, Memory: { MemoryMB: 64 } } } },
    }) as unknown as Allocation;
  const [, row] = allocatedResources(node, [allocation("running"), allocation("complete"), allocation("failed")]).split("\n");
  assert.match(row as string, /^100\/4000 MHz {2}64 MiB\/4 GiB {2}10 MiB\/1 GiB {2}1$/);
});

test("restartInPlace() waits until a task runs again, not only until it was started", async () => {
  const seen: string[] = [];
  const states = [
    { State: "running", StartedAt: "before" },
    { State: "pending", StartedAt: "later" },
    { State: "running", StartedAt: "later" },
  ];
  let at = 0;
  const read = async () => {
    const state = states[Math.min(at++, 2)] as (typeof states)[0];
    seen.push(state.State);
    return answered({ ID: "a1", ClientStatus: "running", TaskStates: { t: state } }, at);
  };
  const { context } = fakeContext({ api: { allocations: { read, restart: async () => answered(null) } } });
  const progress = { say: () => undefined, short: (id: string) => id };
  await restartInPlace(context, { ID: "a1", Namespace: "default", TaskGroup: "g" } as never, { tasks: [], anyTask: false }, progress);
  assert.deepEqual(seen, ["running", "pending", "running"]);
});

test("service list of all namespaces names them", async () => {
  const get = async () => answered([{ Namespace: "team", Services: [{ ServiceName: "web", Tags: ["a"] }] }]);
  const shown = async (namespace: string) => {
    const { context, printed } = world(serviceList, [], { request: { get } });
    await serviceList.run({ ...context, namespace });
    return printed.join("\n").replaceAll(/ +/g, " ");
  };
  assert.equal(await shown("*"), "Service Name Namespace Tags\nweb team [a]");
  assert.equal(await shown("team"), "Service Name Tags\nweb [a]");
});

test("job history shows all versions, or the one asked for", async () => {
  const version = (Version: number) => ({ ID: "web", Version, Stable: true, SubmitTime: 0, VersionTag: null });
  const api = { jobs: { list, versions: async () => answered({ Versions: [version(1), version(0)], Diffs: null }) } };
  const shown = async (...words: string[]) => {
    const { context, printed } = world(jobHistory, [...words, "web"], api);
    await jobHistory.run(context);
    return printed.filter((line) => line.startsWith("Version ")).map((line) => Number(line.split("=")[1]));
  };
  assert.deepEqual(await shown(), [1, 0]);
  assert.deepEqual(await shown("-version=0"), [0]);
});

test("job inspect -hcl of a job that came as JSON writes a job file anew", async () => {
  // Canonical, as the servers hold it.
  const { job } = readJob({
    ID: "web",
    Name: "web",
    Type: "batch",
    TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "raw_exec" }] }],
  });
  const shown = async (Format: string) => {
    const submission = async () => answered({ Source: "source", Format, VariableFlags: {}, Variables: "" });
    const { context, printed } = world(jobInspect, ["-hcl", "web"], { jobs: { list, read: async () => answered(job), submission } });
    await jobInspect.run(context);
    return printed.join("");
  };
  assert.equal(await shown("hcl2"), "source\n");
  assert.match(await shown("json"), /^job "web" \{/);
});

test("eval delete by a filter asks also when it takes one only", async () => {
  const deleted: unknown[] = [];
  const evaluations = {
    count: async () => answered({ Count: 1 }),
    delete: async (of: unknown) => (deleted.push(of), answered({ Count: 1 })),
  };
  const { context, printed } = world(evalDelete, ["-filter", 'Status == "x"'], { evaluations }, { answer: "n" });
  assert.equal(await evalDelete.run(context), 0);
  assert.deepEqual([deleted, printed], [[], ["Cancelling eval delete"]]);
});

test("alloc status shows tasks as they run, and the newest event first", async () => {
  const lifecycle = (Hook: string) => ({ Hook, Sidecar: false });
  const event = (Type: string) => ({ Type, Time: 1, DisplayMessage: Type });
  const state = {
    State: "dead",
    StartedAt: null,
    FinishedAt: null,
    LastRestart: null,
    Restarts: 0,
    Events: [event("First"), event("Last")],
  };
  const task = { Cpu: { CpuShares: 1 }, Memory: { MemoryMB: 1 } };
  const allocation = {
    ID: "a1",
    EvalID: "",
    NodeID: "",
    TaskGroup: "g",
    ClientStatus: "complete",
    DeploymentID: "",
    PreviousAllocation: "",
    NextAllocation: "",
    PreemptedByAllocation: "",
    FollowupEvalID: "",
    RescheduleTracker: null,
    Metrics: null,
    AllocatedResources: { Shared: { Ports: [], DiskMB: 1 }, Tasks: { a_after: task, main: task, z_before: task } },
    TaskStates: { a_after: state, main: state, z_before: state },
    Job: {
      Version: 1,
      TaskGroups: [
        {
          Name: "g",
          MaxRunDuration: 0,
          ReschedulePolicy: null,
          Tasks: [
            { Name: "a_after", Lifecycle: lifecycle("poststop") },
            { Name: "main", Lifecycle: null },
            { Name: "z_before", Lifecycle: lifecycle("prestart") },
          ],
        },
      ],
    },
  };
  const { context, printed } = world(allocStatus, ["a1"], {
    allocations: { list: async () => answered([allocation]), read: async () => answered(allocation) },
  });
  assert.equal(await allocStatus.run(context), 0);
  assert.deepEqual(
    printed.filter((line) => line.startsWith('Task "')),
    ['Task "z_before" (prestart) is "dead"', 'Task "main" is "dead"', 'Task "a_after" (poststop) is "dead"'],
  );
  const events = printed.filter((line) => /(First|Last)$/.test(line)).map((line) => line.split(/ +/).at(-1));
  assert.deepEqual(events.slice(0, 2), ["Last", "First"]);
});
