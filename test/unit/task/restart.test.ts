import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { decideRestart, NO_RESTARTS, type RestartCount, type RestartQuestion, type RestartRules } from "#task";
import { testScale } from "../../scale.ts";

const SECOND = 1e9;
const RULES: RestartRules = { attempts: 2, intervalNs: 1800 * SECOND, delayNs: 15 * SECOND, mode: "fail", onSuccess: true };
const FAILED: RestartQuestion = { nowNs: 1e18, killed: false, asked: undefined, succeeded: false, hopeless: false, jitter: 0 };
const AGAIN = { what: "again", delayNs: 15 * SECOND, reason: "Restart within policy" } as const;
const WINDOW = (count: number, ago = 0): RestartCount => ({ count, intervalStartedAt: 1e18 - ago });

describe("decideRestart()", () => {
  const table: readonly [string, Partial<RestartRules>, RestartCount, Partial<RestartQuestion>, object][] = [
    ["a killed task stops, whatever else holds", {}, NO_RESTARTS, { killed: true, asked: "x" }, { what: "stop" }],
    [
      "an asked restart is at once and uncounted",
      {},
      WINDOW(2),
      { asked: "User asked" },
      { what: "again", delayNs: 0, reason: "User asked" },
    ],
    ["no attempts, ended well, need not go on", { attempts: 0, onSuccess: false }, NO_RESTARTS, { succeeded: true }, { what: "done" }],
    [
      "no attempts, a service that ended well",
      { attempts: 0 },
      NO_RESTARTS,
      { succeeded: true },
      { what: "fail", reason: "Policy allows no restarts" },
    ],
    ["no attempts, failed", { attempts: 0 }, NO_RESTARTS, {}, { what: "fail", reason: "Policy allows no restarts" }],
    ["a hopeless start is not tried again", {}, NO_RESTARTS, { hopeless: true }, { what: "fail", reason: "Error was unrecoverable" }],
    ["a batch that ended well is done", { onSuccess: false }, NO_RESTARTS, { succeeded: true }, { what: "done" }],
    ["a service that ended well runs again", {}, NO_RESTARTS, { succeeded: true }, AGAIN],
    ["the first failure runs again after the delay", {}, NO_RESTARTS, {}, AGAIN],
    ["jitter adds up to a quarter", {}, NO_RESTARTS, { jitter: 0.5 }, { ...AGAIN, delayNs: 15 * SECOND * 1.125 }],
    ["the last allowed attempt", {}, WINDOW(1), {}, AGAIN],
    [
      "one too many fails, with the policy's words",
      {},
      WINDOW(2),
      {},
      { what: "fail", reason: 'Exceeded allowed attempts 2 in interval 30m0s and mode is "fail"' },
    ],
    [
      "one too many in mode delay waits for the interval's end",
      { mode: "delay" },
      WINDOW(2, 600 * SECOND),
      {},
      { what: "again", delayNs: 1200 * SECOND, reason: "Exceeded allowed attempts, applying a delay" },
    ],
    ["a new interval forgets the old count", {}, WINDOW(2, 1801 * SECOND), {}, AGAIN],
  ];
  for (const [name, rules, before, question, expected] of table) {
    test(name, () => assert.deepEqual(decideRestart({ ...RULES, ...rules }, before, { ...FAILED, ...question }).decision, expected));
  }

  test("never restarts more than `attempts` times within one interval in mode fail, against a plain count", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.integer({ min: 1, max: 1200 }), { maxLength: 40 }), (attempts, gaps) => {
        let count: RestartCount = NO_RESTARTS;
        let nowNs = 1e18;
        let startedAt = nowNs;
        let inInterval = 0;
        for (const gap of gaps) {
          nowNs += gap * SECOND;
          const step = decideRestart({ ...RULES, attempts }, count, { ...FAILED, nowNs });
          if (count.intervalStartedAt === 0 || nowNs - startedAt > RULES.intervalNs) {
            startedAt = nowNs;
            inInterval = 0;
          }
          inInterval++;
          assert.equal(step.decision.what, inInterval > attempts ? "fail" : "again");
          if (step.decision.what === "fail") return;
          count = step.count;
        }
      }),
      { numRuns: 300 * testScale() },
    );
  });
});
