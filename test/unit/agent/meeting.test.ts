import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { ServerMember } from "#ports";
import { createMeeting } from "../../../src/agent/meeting.ts";

function world() {
  const clock = createVirtualClock();
  const joining = { begun: 0, closed: 0, joined: Promise.withResolvers<void>() };
  const servers = { alive: ["s1:4647"], looks: 0, held: Promise.resolve() };
  const told: string[] = [];
  const meeting = createMeeting({
    clock,
    membership: {
      members: async () => {
        servers.looks += 1;
        const alive = servers.alive.map((RpcAddress) => ({ RpcAddress, Status: "alive" }) as ServerMember);
        await servers.held;
        if (alive.length === 0) throw new Error("Consul is away");
        return [...alive, { RpcAddress: "gone:4647", Status: "failed" } as ServerMember];
      },
    },
    join: async () => {
      joining.begun += 1;
      await joining.joined.promise;
      return { close: () => void joining.closed++ };
    },
  });
  const served = { tellServers: (addresses: readonly string[]) => void told.push(addresses.join(" ")) };
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await new Promise(setImmediate);
  };
  return { clock, joining, servers, told, meeting, served, pass };
}

test("nodes are told who is alive, when it changes and not else; what is not known changes nothing", async () => {
  const { joining, servers, told, meeting, served, pass } = world();
  joining.joined.resolve();
  await meeting.begin(served);
  await pass(10_000);
  assert.deepEqual(told, ["s1:4647"]);
  servers.alive = [];
  await pass(4_000);
  servers.alive = ["s2:4647", "s1:4647"];
  await pass(4_000);
  servers.alive = ["s1:4647", "s2:4647"];
  await pass(4_000);
  assert.deepEqual(told, ["s1:4647", "s2:4647 s1:4647"]);
  meeting.close();
  assert.equal(joining.closed, 1);
});

test("one that is closed while it joins ends the joining when that has begun, and tells and asks nobody any more", async () => {
  const { joining, servers, told, meeting, served, pass } = world();
  const begun = meeting.begin(served);
  await pass(0);
  meeting.close();
  joining.joined.resolve();
  await begun;
  await pass(60_000);
  assert.deepEqual([joining.begun, joining.closed, servers.looks, told], [1, 1, 0, []]);
});

test("one that is closed while it looks tells nobody what it saw", async () => {
  const { joining, servers, told, meeting, served, pass } = world();
  joining.joined.resolve();
  const held = Promise.withResolvers<void>();
  servers.held = held.promise;
  await meeting.begin(served);
  meeting.close();
  held.resolve();
  await pass(60_000);
  assert.deepEqual([told, servers.looks], [[], 1]);
});

test("while one look takes long there is no other: what was seen first is never told last", async () => {
  const { joining, servers, told, meeting, served, pass } = world();
  joining.joined.resolve();
  const held = Promise.withResolvers<void>();
  servers.held = held.promise;
  await meeting.begin(served);
  servers.alive = ["s2:4647"];
  await pass(20_000);
  assert.equal(servers.looks, 1);
  held.resolve();
  await pass(0);
  await pass(2_000);
  assert.deepEqual(told, ["s1:4647", "s2:4647"]);
  meeting.close();
});

test("a start_join that fails is for who began, and nothing is left behind", async () => {
  const { joining, servers, meeting, served, pass } = world();
  joining.joined.reject(new Error("nobody answers"));
  await assert.rejects(meeting.begin(served), /nobody answers/);
  meeting.close();
  await pass(60_000);
  assert.deepEqual([servers.looks, joining.closed], [0, 0]);
});
