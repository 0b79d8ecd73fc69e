/** What counts as down, as missing, and when nothing limits a group: read from records alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Allocation } from "#model";
import type { Snapshot } from "#state";
import { viewGroup } from "../../../../src/server/turns/group-view.ts";

const OF = { Namespace: "default", JobID: "web", TaskGroup: "g" };
const TASKS = [
  { Name: "t", Lifecycle: null },
  { Name: "init", Lifecycle: { Hook: "prestart", Sidecar: false } },
];
const well = (ID: string, more: Record<string, unknown> = {}) => ({
  ID,
  TaskGroup: "g",
  DesiredStatus: "run",
  ClientStatus: "running",
  TaskStates: { t: { State: "running" }, init: { State: "dead" } },
  DeploymentID: "",
  DeploymentStatus: null,
  Namespace: "default",
  JobID: "web",
  ...more,
});
interface Shape {
  readonly job?: Record<string, unknown>;
  readonly group?: Record<string, unknown>;
  readonly allocations?: readonly object[];
  /** Of the deployment that goes on. */
  readonly deployment?: string;
  readonly turns?: readonly { readonly AllocationID: string; readonly CreateTime: number }[];
}

function view({ job = {}, group = {}, allocations = [], deployment, turns = [] }: Shape, taking: Record<string, number> = {}) {
  const Group = { Name: "g", Count: 3, Update: { MaxParallel: 2, HealthyDeadline: 60e9 }, Tasks: TASKS, ...group };
  const snapshot = {
    job: () => ({ Type: "service", Stop: false, TaskGroups: [Group], ...job }),
    allocationsByJob: () => allocations as unknown as readonly Allocation[],
    activeDeployment: () => (deployment === undefined ? undefined : { ID: deployment }),
    restartTurns: () => turns,
  } as unknown as Snapshot;
  return viewGroup(snapshot, OF, new Map(Object.entries(taking)) as never);
}
const downOf = (shape: Shape) => view(shape)?.down;

test("a group is limited by max_parallel while its job is wanted and serves; nothing else is", () => {
  assert.equal(view({})?.max, 2);
  assert.equal(view({})?.healthyDeadlineMs, 60_000);
  assert.equal(view({ group: { Update: { MaxParallel: 2, HealthyDeadline: 0 } } })?.healthyDeadlineMs, 300_000);
  for (const free of [
    { job: { Stop: true } },
    { job: { Type: "batch" } },
    { job: { Type: "sysbatch" } },
    { job: { TaskGroups: [] } },
    { group: { Update: { MaxParallel: 0 } } },
    { group: { Update: null } },
  ])
    assert.equal(view(free), undefined, JSON.stringify(free));
});

test("down is what is wanted and does not run with every main task, or is not healthy for its deployment", () => {
  const all = [
    well("ok"),
    well("pending", { ClientStatus: "pending" }),
    well("unknown", { ClientStatus: "unknown" }),
    well("crashed", { TaskStates: { t: { State: "pending" }, init: { State: "dead" } } }),
    well("unhealthy", { DeploymentStatus: { Healthy: false, Canary: false } }),
    well("unhealthy-once", { DeploymentID: "d0", DeploymentStatus: { Healthy: false, Canary: false } }),
    well("healthy", { DeploymentID: "d1", DeploymentStatus: { Healthy: true, Canary: false } }),
    well("wondering", { DeploymentID: "d1" }),
    well("of-a-past-one", { DeploymentID: "d0" }),
    well("canary", { ClientStatus: "pending", DeploymentStatus: { Healthy: null, Canary: true } }),
    well("stopping", { DesiredStatus: "stop", ClientStatus: "running" }),
    well("over", { ClientStatus: "failed" }),
    well("of-another-group", { TaskGroup: "h", ClientStatus: "pending" }),
  ];
  assert.deepEqual(downOf({ allocations: all, deployment: "d1" }), [
    "pending",
    "unknown",
    "crashed",
    "unhealthy",
    "unhealthy-once",
    "wondering",
  ]);
});

test("missing is what is wanted and placed nowhere; how many a system job wants nobody counts", () => {
  const allocations = [
    well("one"),
    well("canary", { DeploymentStatus: { Healthy: null, Canary: true } }),
    well("over", { ClientStatus: "lost" }),
  ];
  assert.equal(view({ allocations })?.missing, 2);
  assert.equal(view({ allocations, job: { Type: "system" } })?.missing, 0);
  assert.equal(view({ allocations: ["1", "2", "3", "4"].map((id) => well(id)) })?.missing, 0);
});

test("turns on their way to the log are held too; one that is there has the time it got there", () => {
  const held = view({ turns: [{ AllocationID: "b", CreateTime: 7e9 }] }, { a: 5_000, b: 6_000 })?.held;
  assert.deepEqual(
    [...(held ?? [])],
    [
      ["a", 5_000],
      ["b", 7_000],
    ],
  );
});
