import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { admitJob } from "#jobspec";
import { type Job, type Task, type TaskGroup, groupChange, sameJobSpec } from "#model";
import { testScale } from "../../scale.ts";
import { anyEdit, anyJob } from "../jobspec/any-job.ts";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };

const base: Job = admitJob(
  {
    ID: "j",
    TaskGroups: [
      {
        Name: "g",
        Networks: [{ DynamicPorts: [{ Label: "a" }, { Label: "b" }] }],
        Tasks: [{ Name: "t", Driver: "exec", User: "u", Config: { command: "x" }, Env: { A: "1", B: "2" }, Meta: { m: "task" } }],
      },
      { Name: "other", Tasks: [{ Name: "t", Driver: "exec" }] },
    ],
  },
  CONTEXT,
).job;

const editGroup = (edit: (group: TaskGroup) => Partial<TaskGroup>): Job => ({
  ...base,
  TaskGroups: base.TaskGroups.map((group) => (group.Name === "g" ? { ...group, ...edit(group) } : group)),
});
const editTask = (edit: (task: Task) => Partial<Task>): Job =>
  editGroup((group) => ({ Tasks: group.Tasks.map((task) => ({ ...task, ...edit(task) })) }));
const editResources = (edit: Partial<NonNullable<Task["Resources"]>>): Job =>
  editTask((task) => ({ Resources: { ...(task.Resources as NonNullable<Task["Resources"]>), ...edit } }));

const inPlace: Readonly<Record<string, Job>> = {
  count: editGroup(() => ({ Count: 5 })),
  constraints: editGroup(() => ({ Constraints: [{ LTarget: "${attr.x}", RTarget: "1", Operand: "=" }] })),
  "job constraints": { ...base, Constraints: [{ LTarget: "${attr.x}", RTarget: "1", Operand: "=" }] },
  spreads: editGroup(() => ({ Spreads: [{ Attribute: "${attr.x}", Weight: 50, SpreadTarget: [] }] })),
  priority: { ...base, Priority: 70 },
  "kill timeout": editTask(() => ({ KillTimeout: 1 })),
  "kill signal": editTask(() => ({ KillSignal: "SIGUSR1" })),
  "shutdown delay": editTask(() => ({ ShutdownDelay: 1 })),
  "restart attempts": editGroup((group) => ({
    RestartPolicy: { ...(group.RestartPolicy as NonNullable<TaskGroup["RestartPolicy"]>), Attempts: 9 },
  })),
  "log files": editTask(() => ({ LogConfig: { MaxFiles: 1, MaxFileSizeMB: 10, Disabled: false } })),
  "another group's driver": {
    ...base,
    TaskGroups: base.TaskGroups.map((group) =>
      group.Name === "g" ? group : { ...group, Tasks: group.Tasks.map((task) => ({ ...task, Driver: "raw_exec" })) },
    ),
  },
  "meta that the task overrides": { ...base, Meta: { m: "job" } },
};
for (const [what, job] of Object.entries(inPlace)) {
  test(`a change of ${what} updates running allocations in place`, () => assert.equal(groupChange(base, job, "g"), "in-place"));
}

const destroying: Readonly<Record<string, Job>> = {
  driver: editTask(() => ({ Driver: "raw_exec" })),
  user: editTask(() => ({ User: "v" })),
  config: editTask(() => ({ Config: { command: "y" } })),
  env: editTask(() => ({ Env: { A: "1" } })),
  cpu: editResources({ CPU: 500 }),
  memory: editResources({ MemoryMB: 500 }),
  memory_max: editResources({ MemoryMaxMB: 500 }),
  cores: editResources({ Cores: 1 }),
  "ephemeral disk": editGroup(() => ({ EphemeralDisk: { Sticky: false, Migrate: false, SizeMB: 400 } })),
  ports: editGroup((group) => ({
    Networks: group.Networks.map((network) => ({ ...network, DynamicPorts: network.DynamicPorts.slice(1) })),
  })),
  "having a network": editGroup(() => ({ Networks: [] })),
  "logs being kept": editTask(() => ({ LogConfig: { MaxFiles: 10, MaxFileSizeMB: 10, Disabled: true } })),
  "rendering on restart": editGroup((group) => ({
    RestartPolicy: { ...(group.RestartPolicy as NonNullable<TaskGroup["RestartPolicy"]>), RenderTemplates: true },
  })),
  "the number of tasks": editGroup((group) => ({ Tasks: [...group.Tasks, { ...(group.Tasks[0] as Task), Name: "second" }] })),
  "a task's name": editTask(() => ({ Name: "renamed" })),
  "merged meta from the job": { ...base, Meta: { fresh: "1" } },
  "merged meta from the group": editGroup(() => ({ Meta: { fresh: "1" } })),
  "the group being there": { ...base, TaskGroups: base.TaskGroups.slice(1) },
};
for (const [what, job] of Object.entries(destroying)) {
  test(`a change of ${what} replaces running allocations`, () => assert.equal(groupChange(base, job, "g"), "destroy"));
}

test("the order of named things, of keys, and what servers set make no new version", () => {
  const same: Job = {
    ...editGroup((group) => ({
      Networks: group.Networks.map((network) => ({ ...network, DynamicPorts: [...network.DynamicPorts].reverse() })),
      Tasks: group.Tasks.map((task) => ({ ...task, Env: { B: "2", A: "1" } })),
    })),
    Version: 8,
    ModifyIndex: 99,
    SubmitTime: 5,
    Status: "running",
    Stable: true,
  };
  const reversed = { ...same, TaskGroups: [...same.TaskGroups].reverse() };
  assert.ok(sameJobSpec(base, reversed));
  assert.equal(groupChange(base, reversed, "g"), "none");
});

test("running a stopped job again makes a new version", () => {
  assert.ok(!sameJobSpec({ ...base, Stop: true }, base));
});

test("meta moved between levels with the same result does not restart anything", () => {
  const moved = { ...editTask(() => ({ Meta: {} })), Meta: { m: "task" } };
  assert.equal(groupChange(base, moved, "g"), "in-place");
});

test("the judgement is the same in both directions, and none exactly for the same spec", () => {
  fc.assert(
    fc.property(
      anyJob().chain((job) => fc.tuple(fc.constant(job), anyEdit(job))),
      ([old, next]) => {
        for (const group of old.TaskGroups) {
          const change = groupChange(old, next, group.Name);
          assert.equal(change, groupChange(next, old, group.Name));
          assert.equal(change === "none", sameJobSpec(old, next));
          assert.equal(groupChange(old, structuredClone(old), group.Name), "none");
        }
      },
    ),
    { numRuns: Math.ceil(60 * testScale()) },
  );
});
