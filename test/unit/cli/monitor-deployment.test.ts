import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment, DeploymentGroup } from "#model";
import { lastWords, monitorDeployment } from "../../../src/cli/monitor-deployment.ts";
import { monitorEvaluation } from "../../../src/cli/monitor-evaluation.ts";
import { answered, fakeContext, inTurn } from "./fake-context.ts";

const ID = "aaaaaaa1-0000-0000-0000-000000000000";

function group(of: Partial<DeploymentGroup> = {}): DeploymentGroup {
  return {
    AutoRevert: false,
    AutoPromote: false,
    ProgressDeadline: 0,
    RequireProgressBy: null,
    Promoted: false,
    PlacedCanaries: [],
    DesiredCanaries: 0,
    DesiredTotal: 2,
    PlacedAllocs: 0,
    HealthyAllocs: 0,
    UnhealthyAllocs: 0,
    ...of,
  };
}

function deployment(of: Partial<Deployment> = {}): Deployment {
  return {
    ID,
    Namespace: "default",
    JobID: "web",
    JobVersion: 1,
    JobModifyIndex: 1,
    JobSpecModifyIndex: 1,
    JobCreateIndex: 1,
    IsMultiregion: false,
    TaskGroups: { page: group() },
    Status: "running",
    StatusDescription: "Deployment is running",
    EvalPriority: 50,
    CreateIndex: 10,
    ModifyIndex: 10,
    CreateTime: 0,
    ModifyTime: 0,
    ...of,
  } as Deployment;
}

test("monitorDeployment() tells each change once, the whole at the end, and answers 0 for a success", async () => {
  const { context, printed } = fakeContext({
    api: {
      deployments: {
        read: inTurn(
          deployment(),
          deployment({ TaskGroups: { page: group({ PlacedAllocs: 1 }) } }),
          deployment({ TaskGroups: { page: group({ PlacedAllocs: 1 }) } }),
          deployment({
            Status: "successful",
            StatusDescription: "done",
            TaskGroups: { page: group({ PlacedAllocs: 2, HealthyAllocs: 2 }) },
          }),
        ),
      },
    },
  });
  assert.equal(await monitorDeployment(context, ID, { verbose: false }), 0);
  const lines = printed.map((line) => line.replaceAll(/\d{4}-\d\d-\d\dT\S+?: /g, "T: "));
  assert.deepEqual(lines.slice(0, 4), [
    '==> T: Monitoring deployment "aaaaaaa1"',
    '    T: Deployment status "running" (Deployment is running)',
    '    T: Group "page": 0 of 2 placed, 0 healthy, 0 unhealthy',
    '    T: Group "page": 1 of 2 placed, 0 healthy, 0 unhealthy',
  ]);
  assert.equal(lines[4], "    ID          = aaaaaaa1");
  assert.equal(lines.at(-1), '==> T: Deployment "aaaaaaa1" successful');
});

test("monitorDeployment() draws a picture on a terminal, and the last one stays", async () => {
  const { context, printed } = fakeContext({
    interactive: true,
    api: { deployments: { read: inTurn(deployment(), deployment({ Status: "successful", StatusDescription: "done" })) } },
  });
  assert.equal(await monitorDeployment(context, ID, { verbose: false }), 0);
  assert.equal(printed.filter((line) => line === "picture:").length, 2);
  assert.ok(!printed.some((line) => line.includes("0 of 2 placed")));
});

test("monitorDeployment() of a failed one names the unhealthy allocation, follows the rollback, and answers 1 however that ends", async () => {
  const rollback = deployment({
    ID: "bbbbbbb2-0000-0000-0000-000000000000" as Deployment["ID"],
    CreateIndex: 20,
    JobVersion: 2,
    Status: "successful",
  });
  const failed = deployment({ Status: "failed", StatusDescription: "Failed due to unhealthy allocations - rolling back to job version 0" });
  const { context, printed } = fakeContext({
    api: {
      deployments: {
        read: async (id: string) => answered(id === ID ? failed : rollback),
        allocations: async () =>
          answered([
            { ID: "ccccccc3-0", TaskGroup: "page", DeploymentStatus: { Healthy: true }, TaskStates: {} },
            {
              ID: "ddddddd4-0",
              TaskGroup: "page",
              DeploymentStatus: { Healthy: false },
              TaskStates: {
                server: {
                  Failed: true,
                  Events: [
                    { Type: "Terminated", DisplayMessage: "Exit Code: 3" },
                    { Type: "Not Restarting", DisplayMessage: "no" },
                  ],
                },
              },
            },
          ]),
      },
      jobs: { deployment: inTurn<Deployment | null>(failed, rollback) },
    },
  });
  assert.equal(await monitorDeployment(context, ID, { verbose: false }), 1);
  const text = printed.join("\n");
  assert.match(text, /Allocation "ddddddd4" of group "page" is unhealthy: task "server": Exit Code: 3/);
  assert.doesNotMatch(text, /ccccccc3/);
  assert.match(text, /Monitoring deployment "bbbbbbb2"/);
  assert.match(text, /Deployment "bbbbbbb2" successful/);
});

test("monitorDeployment() of a cancelled one answers 1", async () => {
  const { context, printed } = fakeContext({
    api: { deployments: { read: inTurn(deployment({ Status: "cancelled", StatusDescription: "Cancelled because job is stopped" })) } },
  });
  assert.equal(await monitorDeployment(context, ID, { verbose: true }), 1);
  assert.match(printed.at(-1) ?? "", new RegExp(`Deployment "${ID}" cancelled: Cancelled because job is stopped$`));
});

test("monitorDeployment() says once that healthy canaries wait to be promoted, not when they promote themselves", async () => {
  for (const [AutoPromote, told] of [
    [false, 1],
    [true, 0],
  ] as const) {
    const waiting = deployment({ TaskGroups: { page: group({ DesiredCanaries: 1, PlacedAllocs: 1, HealthyAllocs: 1, AutoPromote }) } });
    const { context, printed } = fakeContext({
      api: { deployments: { read: inTurn(waiting, waiting, waiting, deployment({ Status: "successful" })) } },
    });
    assert.equal(await monitorDeployment(context, ID, { verbose: false }), 0);
    assert.equal(printed.filter((line) => line.includes("drover deployment promote aaaaaaa1")).length, told);
    assert.ok(printed.some((line) => line.includes('Group "page": 1 of 1 canary placed, 1 healthy')));
  }
});

test("lastWords() prefers the task that failed, and an exit to a kill", () => {
  const events = (...types: string[]) => types.map((Type) => ({ Type, DisplayMessage: `${Type}!` }));
  const states = {
    fine: { Failed: false, Events: events("Terminated") },
    bad: { Failed: true, Events: events("Started", "Alloc Unhealthy", "Driver Failure") },
  };
  assert.equal(lastWords({ TaskStates: states } as never), ': task "bad": Driver Failure!');
  assert.equal(lastWords({ TaskStates: null }), "");
});

const METRIC = { NodesEvaluated: 1, NodesExhausted: 1, CoalescedFailures: 1, DimensionExhausted: { memory: 1 } };

for (const [what, evaluation, code] of [
  ["0 when nothing is left to do", { Status: "complete" }, 0],
  [
    "2 when something was not placed, without waiting for the deployment",
    { Status: "complete", DeploymentID: ID, FailedTGAllocs: { page: METRIC } },
    2,
  ],
  ["1 when the evaluation failed", { Status: "failed", StatusDescription: "no" }, 1],
  ["1 when it was canceled", { Status: "canceled" }, 1],
  ["1 when its deployment fails", { Status: "complete", DeploymentID: ID }, 1],
] as const) {
  test(`monitorEvaluation() answers ${what}`, async () => {
    const whole = {
      ID: "e",
      JobID: "web",
      TriggeredBy: "job-register",
      DeploymentID: "",
      BlockedEval: "",
      StatusDescription: "",
      FailedTGAllocs: {},
      CreateIndex: 5,
    };
    const { context } = fakeContext({
      api: {
        evaluations: { read: inTurn<object>({ ...whole, Status: "pending" }, { ...whole, ...evaluation }), allocations: inTurn([]) },
        deployments: { read: inTurn(deployment({ Status: "failed", StatusDescription: "no" })), allocations: inTurn([]) },
      },
    });
    assert.equal(await monitorEvaluation(context, "e", { verbose: false }), code);
  });
}
