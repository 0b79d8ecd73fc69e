import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CheckStatus } from "#ports";
import { NO_FAILURES, stepFailures, type CheckSeen, type FailureCount } from "../../../../src/client/checks/restart.ts";

const START = 1_000e9;
const check = { IntervalNs: 10e9, Restart: { Limit: 3, GraceNs: 20e9, IgnoreWarnings: false } };

/** Results at these seconds after the start; the seconds at which they restart. */
function restartsAt(
  seen: readonly (readonly [number, CheckStatus])[],
  over: { check?: typeof check; what?: CheckSeen["what"] } = {},
): number[] {
  const restarts: number[] = [];
  let count: FailureCount = NO_FAILURES;
  for (const [second, status] of seen) {
    const stepped = stepFailures(
      count,
      { status, what: over.what ?? "result", nowNs: START + second * 1e9, startedAtNs: START },
      over.check ?? check,
    );
    count = stepped.count;
    if (stepped.restart) restarts.push(second);
  }
  return restarts;
}

describe("failures of a check", () => {
  test("restart after `limit` of them in a row, none of them within the grace", () => {
    const all = [5, 15, 25, 35, 45, 55].map((second) => [second, "critical"] as const);
    assert.deepEqual(restartsAt(all), [45]);
  });

  test("one that passes, or that was a warning where those do not count, begins the row anew", () => {
    const passing = [25, 35, 45, 55, 65, 75].map((second) => [second, second === 45 ? "passing" : "critical"] as const);
    assert.deepEqual(restartsAt(passing), [75]);
    const warnings = [25, 35, 45].map((second) => [second, "warning"] as const);
    assert.deepEqual(restartsAt(warnings), [45]);
    assert.deepEqual(restartsAt(warnings, { check: { ...check, Restart: { ...check.Restart, IgnoreWarnings: true } } }), []);
  });

  test("that are only looked at count once an interval, however often somebody looks", () => {
    const every = Array.from({ length: 100 }, (_, index) => [20 + index / 2, "critical"] as const);
    assert.deepEqual(restartsAt(every, { what: "standing" }).slice(0, 1), [40]);
  });

  test("count from the task's start: another life begins with none, and one that does not run has none", () => {
    const at = (second: number, startedAtNs: number | undefined, before: FailureCount) =>
      stepFailures(before, { status: "critical", what: "result", nowNs: START + second * 1e9, startedAtNs }, check);
    let { count } = at(25, START, NO_FAILURES);
    ({ count } = at(35, START, count));
    assert.equal(count.failures, 2);
    assert.deepEqual(at(45, START + 40e9, count), { count: { startedAtNs: START + 40e9, failures: 0, sinceNs: 0 }, restart: false });
    assert.deepEqual(at(45, undefined, count), { count: NO_FAILURES, restart: false });
  });

  test("without check_restart restart nothing", () => {
    assert.deepEqual(restartsAt([[99, "critical"]], { check: { ...check, Restart: null as never } }), []);
  });
});
