import assert from "node:assert/strict";
import { test } from "node:test";
import { deadServers, failedServers, wellServers, type ServersSeen } from "../../../../src/server/reconcilers/dead-servers-rules.ts";
import { DEFAULT_AUTOPILOT_CONFIGURATION } from "#model";
import type { Membership, MemberStatus } from "#ports";
import type { ServerContext } from "../../../../src/server/context.ts";
import { createDeadServers } from "../../../../src/server/reconcilers/dead-servers.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";

const AFTER = { stabilizationMs: 10_000, nowMs: 100_000 };
const ON = { CleanupDeadServers: true, MinQuorum: 0 };

/** "a": this server, which leads. `synced`: what each has of the log; this one has 1,000. */
function seen(statuses: Readonly<Record<string, MemberStatus>>, synced: Readonly<Record<string, number>> = {}): ServersSeen {
  const ids = Object.keys(statuses);
  return {
    servers: ids.map((ServerId) => ({ ServerId, SyncedIndex: synced[ServerId] ?? 1_000 })),
    members: ids.map((ServerId) => ({ ServerId, Name: `${ServerId}.global`, Status: statuses[ServerId] as MemberStatus })),
    ownId: "a",
    index: 1_000,
  };
}

function forgotten(servers: ServersSeen, failedSinceMs: Readonly<Record<string, number>>, configuration = ON): readonly string[] {
  const times = { ...AFTER, failedSinceMs: new Map(Object.entries(failedSinceMs)) };
  return deadServers(servers, configuration, times).map(({ ServerId }) => ServerId);
}

test("A server that has failed for as long as it takes is forgotten, one that failed just now is not", () => {
  const servers = seen({ a: "alive", b: "alive", c: "failed" });
  assert.deepEqual(forgotten(servers, { c: 90_000 }), ["c"]);
  assert.deepEqual(forgotten(servers, { c: 90_001 }), []);
  assert.deepEqual(forgotten(servers, {}), [], "since when is not known yet");
});

test("Who leads among a minority forgets nobody", () => {
  assert.deepEqual(forgotten(seen({ a: "alive", b: "failed", c: "failed" }), { b: 0, c: 0 }), []);
  assert.deepEqual(forgotten(seen({ a: "alive", b: "failed" }), { b: 0 }), []);
  assert.deepEqual(forgotten(seen({ a: "alive", b: "alive", c: "alive", d: "failed", e: "failed" }), { d: 0, e: 0 }), ["d", "e"]);
});

test("What is switched off, and fewer servers than min_quorum, forget none that failed; one that said it leaves is forgotten at once", () => {
  const failed = seen({ a: "alive", b: "alive", c: "failed" });
  assert.deepEqual(forgotten(failed, { c: 0 }, { CleanupDeadServers: false, MinQuorum: 0 }), []);
  assert.deepEqual(forgotten(failed, { c: 0 }, { CleanupDeadServers: true, MinQuorum: 3 }), []);
  const left = seen({ a: "alive", b: "alive", c: "left" });
  assert.deepEqual(forgotten(left, {}, { CleanupDeadServers: false, MinQuorum: 0 }), ["c"]);
});

test("A server that came again under another name is there", () => {
  const servers = seen({ a: "alive", b: "alive", c: "failed" });
  const again = { ...servers, members: [...servers.members, { ServerId: "c", Name: "other.global", Status: "alive" as const }] };
  assert.deepEqual(forgotten(again, { c: 0 }), []);
  // Its time begins when the one that came again fails too.
  assert.deepEqual([failedServers(servers.members), failedServers(again.members)], [["c"], []]);
});

test("Well is who answers and is not far behind", () => {
  const servers = seen({ a: "alive", b: "alive", c: "failed", d: "alive" }, { b: 749, d: 750 });
  assert.deepEqual(wellServers(servers, 250), ["a", "d"]);
});

test("A leader whose clock is set ahead forgets nobody the sooner", async () => {
  const clock = createSimulatedClock();
  let aheadMs = 0;
  const forgotten: string[] = [];
  const servers = seen({ a: "alive", b: "alive", c: "failed" });
  const cluster = {
    serverId: "a",
    servers: async () => servers.servers,
    state: { index: 1_000, snapshot: () => ({ autopilotConfiguration: () => ({ ...DEFAULT_AUTOPILOT_CONFIGURATION, ModifyIndex: 5 }) }) },
    forgetServer: async (id: string) => void forgotten.push(id),
  };
  const context = {
    cluster,
    clock: { ...clock, nowMs: () => clock.nowMs() + aheadMs, after: clock.after },
    report: () => undefined,
  } as unknown as ServerContext;
  const membership = { members: async () => servers.members, forceLeave: async () => undefined } as unknown as Membership;
  const looking = createDeadServers(context, membership, {});
  await clock.advance(2_000);
  aheadMs = 3_600_000;
  await clock.advance(2_000);
  assert.equal(forgotten.length, 0);
  await clock.advance(10_000);
  assert.ok(forgotten.includes("c"));
  looking.close();
});
