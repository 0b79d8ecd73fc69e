import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createVirtualClock } from "#integrations/memory";
import type { JoinOutcome, ServerMember } from "#ports";
import type { NamedError } from "#std";
import { addressesOf, expandEntry, readPlace, requireJoinable } from "../../../../../integrations/consul/private/join-addresses.ts";
import { afterAttempt, afterLook, NOT_TRIED, startJoining, type JoinState } from "../../../../../integrations/consul/private/joining.ts";

const PACE = { retryMax: 0, retryIntervalMs: 30_000 };

test("the first tries follow each other quickly, then once each interval", () => {
  let state: JoinState = NOT_TRIED;
  const pauses: (number | undefined)[] = [];
  for (let tries = 0; tries < 9; tries++) {
    const step = afterAttempt(state, false, PACE);
    state = step.state;
    pauses.push(step.pauseMs);
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

test("retry_max counts full intervals only, and 0 is for ever", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 60_000 }), (retryMax, retryIntervalMs) => {
      let state: JoinState = NOT_TRIED;
      let full = 0;
      for (let tries = 0; tries < 100; tries++) {
        const step = afterAttempt(state, false, { retryMax, retryIntervalMs });
        state = step.state;
        if (step.pauseMs === retryIntervalMs) full += 1;
        if (step.pauseMs === undefined) break;
      }
      assert.equal(state.at, "given-up");
      assert.equal(full, retryMax);
    }),
    { numRuns: 100 },
  );
  assert.notEqual(afterAttempt({ at: "trying", tries: 1e6, fullIntervals: 1e6 }, false, PACE).pauseMs, undefined);
});

test("a server that finds itself alone tries again at once", () => {
  assert.deepEqual(afterLook(true, PACE), { state: NOT_TRIED, pauseMs: 0 });
  assert.deepEqual(afterLook(false, PACE), { state: { at: "joined" }, pauseMs: 30_000 });
});

test("addresses are hosts with or without a port, and names stand for all their addresses", async () => {
  assert.deepEqual(readPlace("10.0.0.1", 4648), { host: "10.0.0.1", port: 4648 });
  assert.deepEqual(readPlace("10.0.0.1:7000", 4648), { host: "10.0.0.1", port: 7000 });
  assert.deepEqual(readPlace("[::1]:7000", 4648), { host: "::1", port: 7000 });
  assert.deepEqual(readPlace("fd00::7", 4648), { host: "fd00::7", port: 4648 });
  for (const wrong of ["", ":4648", "a:b", "a:99999", "a:0", "http://a", "a b", "[::1", "key=value"])
    assert.throws(() => readPlace(wrong, 4648), { code: "JOIN_ADDRESS_INVALID" }, wrong);
  const lookup = async (): Promise<string[]> => ["10.0.0.1", "fd00::2"];
  assert.deepEqual(await addressesOf("servers:5", 4648, lookup), [
    { host: "10.0.0.1", port: 5 },
    { host: "fd00::2", port: 5 },
  ]);
});

test("providers are refused before anything starts, with what to write instead", () => {
  for (const entry of ["provider=aws tag_key=a tag_value=b", "tag_key=a provider=mdns"])
    assert.throws(
      () => requireJoinable(["10.0.0.1", entry]),
      (error: NamedError) => {
        assert.equal(error.code, "JOIN_PROVIDER_UNSUPPORTED");
        assert.match(error.message, /"(aws|mdns)"/);
        assert.match(error.fix ?? "", /exec=/);
        return true;
      },
    );
  assert.throws(() => requireJoinable(["exec= "]), { code: "JOIN_ADDRESS_INVALID" });
  requireJoinable(["exec=/usr/bin/addresses --all", "servers.example.com", "[::1]:4648"]);
});

test("a command prints addresses, and one that fails is named", async () => {
  assert.deepEqual(await expandEntry("exec=echo 10.0.0.1 10.0.0.2:7"), ["10.0.0.1", "10.0.0.2:7"]);
  await assert.rejects(expandEntry("exec=/nowhere/addresses"), { code: "JOIN_COMMAND_FAILED" });
});

test("joining goes on until somebody is joined, tells a problem once, and begins again when all others are gone", async () => {
  const clock = createVirtualClock();
  const told: string[] = [];
  const asked: (readonly string[])[] = [];
  let outcome: JoinOutcome = { Joined: 0, Problems: ["10.0.0.2: nobody answers"] };
  let members: Pick<ServerMember, "ServerId" | "Status" | "Address" | "Port">[] = [];
  const joining = await startJoining({
    ...PACE,
    startJoin: [],
    retryJoin: ["10.0.0.2", "10.0.0.2"],
    serverId: "me",
    membership: {
      join: async (addresses) => {
        asked.push(addresses);
        return outcome;
      },
      members: async () => members as ServerMember[],
    },
    gaveUp: (error) => assert.fail(error.message),
    clock,
    report: (level, message) => told.push(`${level} ${message}`),
  });
  await advance(clock, 1600);
  assert.equal(asked.length, 3);
  assert.deepEqual(asked[0], ["10.0.0.2"]);
  assert.deepEqual(told, ["warn no server of retry_join was joined: 10.0.0.2: nobody answers"]);
  outcome = { Joined: 1, Problems: [] };
  members = [
    { ServerId: "me", Status: "alive", Address: "10.0.0.1", Port: 4648 },
    { ServerId: "other", Status: "alive", Address: "10.0.0.2", Port: 4648 },
  ];
  await advance(clock, 2000);
  assert.deepEqual(told.slice(1), ["info joined other servers"]);
  await advance(clock, 120_000);
  assert.equal(asked.length, 4);
  members = [
    { ServerId: "me", Status: "alive", Address: "10.0.0.1", Port: 4648 },
    { ServerId: "other", Status: "failed", Address: "10.0.0.2", Port: 4648 },
  ];
  await advance(clock, 31_000);
  assert.equal(asked.length, 5);
  joining.close();
  await advance(clock, 120_000);
  assert.equal(asked.length, 5);
});

test("servers known from before are joined by what they answer to, those that left are not, and a server nobody named waits for ever", async () => {
  const clock = createVirtualClock();
  const asked: (readonly string[])[] = [];
  let members: Pick<ServerMember, "ServerId" | "Status" | "Address" | "Port">[] = [];
  const joining = await startJoining({
    retryMax: 1,
    retryIntervalMs: 1000,
    startJoin: [],
    retryJoin: [],
    serverId: "me",
    membership: {
      join: async (addresses) => {
        asked.push(addresses);
        return { Joined: addresses.length, Problems: [] };
      },
      members: async () => members as ServerMember[],
    },
    gaveUp: (error) => assert.fail(error.message),
    clock,
    report: () => undefined,
  });
  await advance(clock, 10_000);
  assert.ok(asked.length > 3 && asked.every((each) => each.length === 0));
  members = [
    { ServerId: "me", Status: "alive", Address: "10.0.0.1", Port: 4648 },
    { ServerId: "a", Status: "alive", Address: "10.0.0.2", Port: 4648 },
    { ServerId: "", Status: "failed", Address: "fd00::3", Port: 5000 },
    { ServerId: "b", Status: "left", Address: "10.0.0.4", Port: 4648 },
  ];
  await advance(clock, 1500);
  assert.deepEqual(asked.at(-1), ["10.0.0.2:4648", "[fd00::3]:5000"]);
  const count = asked.length;
  await advance(clock, 10_000);
  assert.equal(asked.length, count);
  joining.close();
});

test("start_join that joins nobody ends it; retry_max reached is said once", async () => {
  const nobody = { join: async () => ({ Joined: 0, Problems: ["x: nobody answers"] }), members: async () => [] };
  const clock = createVirtualClock();
  const given: string[] = [];
  const options = {
    retryMax: 2,
    retryIntervalMs: 1000,
    membership: nobody,
    serverId: "me",
    gaveUp: (error: NamedError) => void given.push(error.code),
    clock,
    report: () => undefined,
  };
  await assert.rejects(startJoining({ ...options, startJoin: ["10.0.0.9"], retryJoin: [] }), { code: "JOIN_FAILED" });
  await startJoining({ ...options, startJoin: [], retryJoin: ["10.0.0.9"] });
  await advance(clock, 60_000);
  assert.deepEqual(given, ["JOIN_FAILED"]);
});

async function advance(clock: ReturnType<typeof createVirtualClock>, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await clock.advance(Math.min(500, ms - passed));
    await new Promise(setImmediate);
  }
}
