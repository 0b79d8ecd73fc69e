import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Allocation, DrainStrategy } from "#model";
import { leavingOf } from "../../../../../src/server/reconcilers/drains/group-budget.ts";
import { stepNodeDrain } from "../../../../../src/server/reconcilers/drains/node-step.ts";
import { admitted, allocationOf, at, SECOND, verdict } from "../../records.ts";

const NOW = 1_000_000;
const ofType = (type: "service" | "batch" | "system" | "sysbatch") => admitted({ id: type, type, count: 1 });
const service = ofType("service");
const one = (id: string, type: Parameters<typeof ofType>[0], more: Partial<Allocation> = {}) => allocationOf(id, ofType(type), more);

function step(allocations: readonly Allocation[], strategy: Partial<DrainStrategy> = {}) {
  const DrainStrategy = {
    Deadline: 3600 * SECOND,
    IgnoreSystemJobs: false,
    ForceDeadline: at(NOW + 60_000),
    StartedAt: at(0),
    ...strategy,
  };
  return stepNodeDrain({ node: { DrainStrategy }, allocations, nowMs: NOW });
}
const ids = (allocations: readonly Allocation[]) => allocations.map(({ ID }) => ID).join(" ");

test("services leave by what their groups can spare; batch work and system jobs stay for now", () => {
  const result = step([one("s", "service"), one("b", "batch"), one("y", "system")]);
  assert.deepEqual([ids(result.byBudget), ids(result.migrate), result.complete, result.wakeAtMs], ["s", "", false, NOW + 60_000]);
});

test("system jobs leave when nothing else is left, and never when they are ignored", () => {
  const over = { ClientStatus: "complete" } as const;
  const left = [one("s", "service", over), one("y", "system"), one("z", "sysbatch")];
  assert.equal(ids(step(left).migrate), "y z");
  const ignored = step(left, { IgnoreSystemJobs: true });
  assert.deepEqual([ids(ignored.migrate), ignored.complete], ["", true]);
});

test("at the deadline everything leaves at once, whatever its group can spare", () => {
  const all = [one("s", "service"), one("b", "batch"), one("y", "system"), one("m", "service", { DesiredTransition: { Migrate: true } })];
  const result = step(all, { ForceDeadline: at(NOW) });
  assert.deepEqual([ids(result.migrate), result.deadlinePassed, result.wakeAtMs], ["s b y", true, null]);
});

test("a forced drain is past its deadline from the start; one without a deadline never is", () => {
  const forced = step([one("b", "batch")], { Deadline: -1, ForceDeadline: "0001-01-01T00:00:00Z" });
  assert.deepEqual([ids(forced.migrate), forced.deadlinePassed], ["b", true]);
  const endless = step([one("b", "batch")], { Deadline: 0, ForceDeadline: "0001-01-01T00:00:00Z" });
  assert.deepEqual([ids(endless.migrate), endless.wakeAtMs, endless.complete], ["", null, false]);
});

test("a drain is not complete before the node has said of every allocation that it is over (F56)", () => {
  const stopping = one("s", "service", { DesiredStatus: "stop", DesiredTransition: { Migrate: true } });
  assert.equal(step([stopping]).complete, false);
  assert.equal(step([one("u", "service", { ClientStatus: "unknown" })]).complete, false);
  for (const ClientStatus of ["complete", "failed", "lost"] as const) {
    assert.equal(step([{ ...stopping, ClientStatus }]).complete, true);
  }
  assert.equal(step([]).complete, true);
});

test("a node that does not drain needs nothing", () => {
  assert.equal(stepNodeDrain({ node: { DrainStrategy: null }, allocations: [one("s", "service")], nowMs: NOW }).complete, false);
});

const placed = (index: number, node: string, more: Partial<Allocation> = {}) =>
  allocationOf(`a${index}`, service, {
    Name: `service.group[${index}]`,
    NodeID: node as Allocation["NodeID"],
    DeploymentStatus: verdict(true),
    ...more,
  });
const draining = (id: string) => id.startsWith("drain");
const group = (count: number, maxParallel: number) => ({
  Count: count,
  Migrate: { MaxParallel: maxParallel, HealthCheck: "checks", MinHealthyTime: 0, HealthyDeadline: 0 },
});

test("of a group that is well as many leave as migrate.max_parallel says, from all draining nodes together", () => {
  const allocations = [placed(0, "drain1"), placed(1, "drain2"), placed(2, "drain1"), placed(3, "other")];
  assert.equal(ids(leavingOf({ group: group(4, 2), allocations, draining })), "a0 a1");
});

test("the next leaves only when the replacement has a verdict, good or bad", () => {
  const marked = placed(0, "drain1", { DesiredTransition: { Migrate: true } });
  const replacement = (healthy: boolean | null) => placed(9, "other", { DeploymentStatus: verdict(healthy) });
  const rest = [placed(1, "drain1"), placed(2, "drain1")];
  assert.equal(ids(leavingOf({ group: group(3, 1), allocations: [marked, ...rest], draining })), "");
  assert.equal(ids(leavingOf({ group: group(3, 1), allocations: [marked, ...rest, replacement(null)], draining })), "");
  assert.equal(ids(leavingOf({ group: group(3, 1), allocations: [marked, ...rest, replacement(true)], draining })), "a1");
  assert.equal(ids(leavingOf({ group: group(3, 1), allocations: [marked, ...rest, replacement(false)], draining })), "a1");
});

test("nothing holds allocations of a group that is no longer wanted", () => {
  assert.equal(ids(leavingOf({ group: undefined, allocations: [placed(0, "drain1"), placed(1, "drain1")], draining })), "a0 a1");
});

test("whatever a group looks like, never more are taken from it at once than keep count − max_parallel well", () => {
  const shape = fc.record({
    node: fc.constantFrom("drain1", "drain2", "other"),
    healthy: fc.constantFrom(true, false, null),
    marked: fc.boolean(),
    stopped: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(shape, { maxLength: 12 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 4 }),
      (shapes, count, most) => {
        const allocations = shapes.map(({ node, healthy, marked, stopped }, index) =>
          placed(index, node, {
            DeploymentStatus: verdict(healthy),
            DesiredTransition: marked ? { Migrate: true } : {},
            DesiredStatus: stopped ? "stop" : "run",
          }),
        );
        const leaving = leavingOf({ group: group(count, most), allocations, draining });
        const well = (each: Allocation) =>
          each.DeploymentStatus?.Healthy !== null && each.DesiredStatus === "run" && each.DesiredTransition.Migrate !== true;
        const left = allocations.filter((each) => well(each) && !leaving.includes(each)).length;
        if (leaving.length > 0) assert.ok(left >= count - most, `${left} left of ${count}, max_parallel ${most}`);
      },
    ),
  );
});

test("system jobs wait for a service that was told to leave and still stops", () => {
  const leaving = one("s", "service", { DesiredStatus: "stop", DesiredTransition: { Migrate: true } });
  assert.equal(ids(step([leaving, one("y", "system")]).migrate), "");
});
