import assert from "node:assert/strict";
import { test } from "node:test";
import { createHostClock } from "#integrations/host";

test("the host's clock neither goes back nor stands still when the system's time is set back, and follows it forward", (t) => {
  let wallMs = Date.now();
  let sinceStartMs = 1_000;
  t.mock.method(Date, "now", () => wallMs);
  t.mock.method(performance, "now", () => sinceStartMs);
  const pass = (ms: number): void => {
    wallMs += ms;
    sinceStartMs += ms;
  };
  const clock = createHostClock();
  const startedMs = clock.nowMs();
  pass(5_000);
  assert.equal(clock.nowMs(), startedMs + 5_000);
  wallMs -= 60_000;
  assert.equal(clock.nowMs(), startedMs + 5_000);
  pass(20_000);
  const behindMs = clock.nowMs();
  assert.ok(behindMs >= startedMs + 22_000 && behindMs <= startedMs + 25_000, String(behindMs - startedMs));
  for (let minute = 0; minute < 20; minute++) {
    pass(60_000);
    clock.nowMs();
  }
  assert.equal(clock.nowMs(), wallMs, "it has been caught up with");
  wallMs += 3_600_000;
  assert.equal(clock.nowMs(), wallMs);
});
