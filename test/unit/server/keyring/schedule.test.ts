import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { RootKey } from "#model";
import { DEFAULT_KEYRING_POLICY, dueSteps, type KeyringPolicy, untilNextLookMs } from "../../../../src/server/keyring/schedule.ts";
import { rootKey } from "../../state/nouns.ts";

const DAY = 86_400e9;
const HOUR = 3_600e9;
const policy: KeyringPolicy = { ...DEFAULT_KEYRING_POLICY, rotationMs: 30 * 86_400e3, garbageThresholdMs: 3_600e3 };
const key = (id: string, State: RootKey["State"], CreateTime: number, PublishTime = 0): RootKey => ({
  ...rootKey(id, State),
  CreateTime,
  PublishTime,
});
const nothing = () => false;
const said = (keys: readonly RootKey[], now: number, lives: (before: number) => boolean = nothing) =>
  dueSteps(keys, now, policy, lives).map((step) =>
    step.kind === "make" ? `make ${step.publishAtNs ?? "now"}` : `${step.kind} ${step.key.KeyID}`,
  );

test("without a key the first is made, to be used at once", () => {
  assert.deepEqual(said([], 5), ["make now"]);
});

test("half way through a key's time its successor is made, for when it is over; then it is published", () => {
  const active = key("a", "active", DAY);
  assert.deepEqual(said([active], DAY + 15 * DAY - 1), []);
  assert.deepEqual(said([active], DAY + 15 * DAY), [`make ${31 * DAY}`]);
  const both = [active, key("b", "prepublished", 16 * DAY, 31 * DAY)];
  assert.deepEqual(said(both, 31 * DAY - 1), []);
  assert.deepEqual(said(both, 31 * DAY), ["publish b"]);
});

test("a server that slept over the end of a key makes the next one at once", () => {
  assert.deepEqual(said([key("a", "active", DAY)], 400 * DAY), ["make now"]);
});

test("a key whose time counts from its publication, not from its making", () => {
  assert.deepEqual(said([key("b", "active", DAY, 20 * DAY)], 30 * DAY), []);
  assert.deepEqual(said([key("b", "active", DAY, 20 * DAY)], 35 * DAY), [`make ${50 * DAY}`]);
});

test("an inactive key goes an hour after the next took over, unless something lives that was made before", () => {
  const keys = [key("a", "inactive", DAY), key("b", "active", 2 * DAY, 3 * DAY)];
  assert.deepEqual(said(keys, 3 * DAY + HOUR - 1), []);
  assert.deepEqual(said(keys, 3 * DAY + HOUR), ["remove a"]);
  const asked: number[] = [];
  assert.deepEqual(
    said(keys, 9 * DAY, (before) => (asked.push(before), true)),
    [],
  );
  assert.deepEqual(asked, [3 * DAY]);
});

test("a key was used until the next one after it, whichever is active now", () => {
  const keys = [key("a", "inactive", 1 * DAY), key("b", "inactive", 2 * DAY), key("c", "active", 3 * DAY)];
  // Something from between b and c lives.
  assert.deepEqual(
    said(keys, 9 * DAY, (before) => before > 2 * DAY),
    ["remove a"],
  );
});

test("the next look comes in time for a key that waits", () => {
  assert.equal(untilNextLookMs([key("a", "active", 0)], 0, policy), policy.garbageIntervalMs);
  assert.equal(untilNextLookMs([key("a", "active", 0), key("b", "prepublished", 0, 5_000e6)], 0, policy), 5_000);
  assert.equal(untilNextLookMs([key("b", "prepublished", 0, 5)], 100, policy), 1);
});

test("whatever is done when it is due, one key is active, and none goes that may be needed", () => {
  const looks = fc.array(fc.integer({ min: 1, max: 40 * 24 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(looks, fc.integer({ min: 0, max: 90 }), (hours, oldestDay) => {
      let now = 0;
      let made = 0;
      let keys: readonly RootKey[] = [];
      const oldest = oldestDay * DAY;
      for (const hour of hours) {
        now += hour * HOUR;
        for (const step of dueSteps(keys, now, policy, (before) => oldest < before && oldest <= now)) {
          if (step.kind === "remove") keys = keys.filter(({ KeyID }) => KeyID !== step.key.KeyID);
          else {
            const next =
              step.kind === "publish"
                ? { ...step.key, State: "active" as const }
                : key(`k${made++}`, step.publishAtNs === null ? "active" : "prepublished", now, step.publishAtNs ?? 0);
            const others = keys.filter(({ KeyID }) => KeyID !== next.KeyID);
            keys = [
              ...others.map((each) =>
                next.State === "active" && each.State === "active" ? { ...each, State: "inactive" as const } : each,
              ),
              next,
            ];
          }
        }
        assert.equal(keys.filter(({ State }) => State === "active").length, 1);
        assert.ok(keys.filter(({ State }) => State === "prepublished").length <= 1);
        const active = keys.find(({ State }) => State === "active");
        assert.ok(active !== undefined && now - Math.max(active.CreateTime, active.PublishTime) <= policy.rotationMs * 1e6 + hour * HOUR);
      }
    }),
    { numRuns: 200 },
  );
});
