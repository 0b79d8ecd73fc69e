import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment } from "#model";
import { deployedTable, deploymentTable } from "../../../../src/cli/render/deployment.ts";
import { reschedulesAhead } from "../../../../src/cli/render/reschedules.ts";
import { deadlineText } from "../../../../src/cli/render/allocations.ts";
import { NOW_MS } from "../fake-context.ts";

const PLAIN = {
  AutoRevert: false,
  AutoPromote: false,
  ProgressDeadline: 0,
  RequireProgressBy: null,
  Promoted: false,
  PlacedCanaries: [],
  DesiredCanaries: 0,
  DesiredTotal: 3,
  PlacedAllocs: 2,
  HealthyAllocs: 1,
  UnhealthyAllocs: 0,
};

test("deployedTable() leaves out columns nobody uses", () => {
  assert.equal(deployedTable({ web: PLAIN }), "Task Group  Desired  Placed  Healthy  Unhealthy\nweb         3        2       1        0");
  assert.equal(deployedTable({}), "");
});

test("deployedTable() shows N/A where only another group has canaries or a deadline", () => {
  const canary = { ...PLAIN, AutoRevert: true, DesiredCanaries: 1, Promoted: true, RequireProgressBy: "2026-01-02T03:04:05Z" };
  const [header, api, web] = deployedTable({ web: PLAIN, api: canary }).split("\n");
  assert.equal(header, "Task Group  Auto Revert  Promoted  Desired  Canaries  Placed  Healthy  Unhealthy  Progress Deadline");
  assert.match(api ?? "", /^api +true +true +3 +1 +2 +1 +0 +2026-01-0\dT/);
  assert.match(web ?? "", /^web +false +N\/A +3 +N\/A +2 +1 +0 +N\/A$/);
});

test("deploymentTable() of none says so", () => {
  assert.equal(deploymentTable([], { verbose: false, namespaces: false }), "No deployments found");
  const one = {
    ID: "aaaaaaa1-0",
    Namespace: "qa",
    JobID: "web",
    JobVersion: 2,
    Status: "paused",
    StatusDescription: "Deployment is paused",
  };
  assert.match(
    deploymentTable([one as Deployment], { verbose: false, namespaces: true }),
    /^ID +Namespace +Job ID.*\naaaaaaa1 +qa +web +2 +paused +Deployment is paused$/,
  );
});

test("reschedulesAhead() tells of allocations whose next try waits, and of no others", () => {
  const at = new Date(NOW_MS + 90_000).toISOString();
  const evaluations = [
    { ID: "eeeeeee1-0", Status: "pending", WaitUntil: at },
    { ID: "eeeeeee2-0", Status: "complete", WaitUntil: at },
  ];
  const allocation = (FollowupEvalID: string, NextAllocation = "") => ({ TaskGroup: "g", FollowupEvalID, NextAllocation });
  const text = reschedulesAhead(
    [
      allocation("eeeeeee1-0"),
      allocation("eeeeeee1-0"),
      allocation("eeeeeee2-0"),
      allocation("eeeeeee1-0", "next"),
      allocation(""),
    ] as never,
    evaluations as never,
    { nowMs: NOW_MS, verbose: false },
  );
  assert.equal(text, "Task Group  Eval ID   Eval Time\ng           eeeeeee1  1m30s from now");
  assert.equal(reschedulesAhead([allocation("")] as never, [], { nowMs: NOW_MS, verbose: false }), undefined);
});

test("deadlineText() counts from the first task that started, and only while it runs", () => {
  const TaskStates = {
    a: { StartedAt: "2026-01-02T03:04:05Z" },
    b: { StartedAt: "2026-01-02T03:00:00Z" },
    c: { StartedAt: null },
  } as never;
  const running = { ClientStatus: "running", TaskStates } as const;
  assert.equal(Date.parse(deadlineText(running, 60e9)), Date.parse("2026-01-02T03:01:00Z"));
  assert.equal(deadlineText(running, 0), "N/A");
  assert.equal(deadlineText({ ClientStatus: "complete", TaskStates }, 60e9), "N/A");
  assert.equal(deadlineText({ ClientStatus: "running", TaskStates: {} }, 60e9), "N/A");
});
