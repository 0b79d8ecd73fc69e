import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProxyStanding } from "#ports";
import {
  judge,
  newMemory,
  restAfter,
  SILENT_MAX_MS,
  STRANDED_MAX_MS,
  type Judgement,
  type Memory,
  type Sight,
} from "../../../../src/client/mesh/standing.ts";

const SIDECAR = { kind: "connect-proxy", listenersWanted: 2 };
const WELL: ProxyStanding = {
  state: "LIVE",
  certificate: { uri: "spiffe://x.consul/ns/default/dc/dc1/svc/api", expiresAtMs: 72 * 3_600_000, authority: "x.consul" },
  listeners: [
    { name: "public_listener:0.0.0.0:20000", address: "0.0.0.0:20000" },
    { name: "db:127.0.0.1:5432", address: "127.0.0.1:5432" },
  ],
  upstreams: [],
  stream: { connected: true, updates: 2, lastUpdateAtMs: 1, rejected: 0 },
  startedAtMs: 1,
};
const UNCONNECTED: ProxyStanding = { ...WELL, stream: { ...WELL.stream, connected: false } };

/** What is judged of the last of these sights, one after another. */
function after(sights: readonly Partial<Sight>[], proxy = SIDECAR): Judgement {
  let memory: Memory = newMemory(1_000);
  let judged: Judgement | undefined;
  for (const sight of sights) {
    judged = judge(proxy, memory, { atMs: 1_000, standing: WELL, problem: "", consulAnswers: true, ...sight });
    memory = judged.memory;
  }
  assert.ok(judged !== undefined);
  return judged;
}
const SILENT = { standing: undefined, problem: "nobody listens" };

test("a proxy is ready when it is LIVE, has its certificate and every listener", () => {
  assert.deepEqual([after([{}]).ready, after([{}]).step, after([{}]).problem], [true, "ready", ""]);
  const bare = after([{ standing: { ...WELL, certificate: null } }]);
  assert.deepEqual([bare.ready, bare.step], [false, "certificate"]);
  const deaf = after([{ standing: { ...WELL, listeners: WELL.listeners.slice(1) } }]);
  assert.deepEqual([deaf.ready, deaf.step], [false, "listener"]);
  assert.equal(after([{ standing: { ...WELL, state: "INITIALIZING" } }]).ready, false);
  const early = after([SILENT]);
  assert.deepEqual([early.ready, early.step, early.problem, early.replace], [false, "bootstrap", "nobody listens", ""]);
});

test("an exposed path's listener, or one of its author's, stands for no upstream's; where its author writes the public one nobody knows its name", () => {
  const [own] = WELL.listeners;
  const others = [
    { name: "exposed_path_health:0.0.0.0:9102", address: "0.0.0.0:9102" },
    { name: "mine", address: "0.0.0.0:1" },
  ];
  const judged = after([{ standing: { ...WELL, listeners: [own ?? assert.fail(), ...others] } }]);
  assert.deepEqual([judged.ready, judged.step, judged.problem], [false, "listener", "it has 1 of 2 listeners (public_listener)"]);
  assert.equal(after([{ standing: { ...WELL, listeners: others } }], { ...SIDECAR, listenersWanted: 0 }).ready, true);
});

test("an upstream whose listener does not come is waited for, not for ever", () => {
  const standing = { ...WELL, listeners: WELL.listeners.slice(0, 1) };
  assert.equal(after([{ standing }, { standing, atMs: 15_000 }]).ready, false);
  const late = after([{ standing }, { standing, atMs: 30_000 }]);
  assert.equal(late.ready, true);
  assert.match(late.problem, /1 of 2 listeners/);
  assert.equal(late.replace, "");
});

test("a gateway that serves nothing yet is ready once Consul has spoken to it", () => {
  const gateway = { kind: "ingress-gateway", listenersWanted: 0 };
  const standing = { ...WELL, certificate: null, listeners: [] };
  assert.equal(after([{ standing }], gateway).ready, true);
  assert.equal(after([{ standing: { ...standing, stream: { ...WELL.stream, updates: 0 } } }], gateway).ready, false);
});

test("what goes wrong for long is replaced, within a minute of its beginning", () => {
  const cases: readonly (readonly [string, Partial<Sight>, number, RegExp])[] = [
    ["silent", SILENT, SILENT_MAX_MS, /not answered/],
    ["without a stream", { standing: UNCONNECTED }, STRANDED_MAX_MS, /no stream/],
    ["draining", { standing: { ...WELL, state: "DRAINING" } }, 15_000, /DRAINING/],
    ["with its listener lost", { standing: { ...WELL, listeners: [] } }, 40_000, /no listener/],
    ["never given a certificate", { standing: { ...WELL, certificate: null } }, 40_000, /no certificate/],
  ];
  for (const [name, sight, afterMs, reason] of cases) {
    assert.equal(after([{}, { ...sight, atMs: 10_000 }, { ...sight, atMs: 10_000 + afterMs - 1 }]).replace, "", `${name}, too early`);
    assert.match(after([{}, { ...sight, atMs: 10_000 }, { ...sight, atMs: 10_000 + afterMs }]).replace, reason, name);
    assert.ok(afterMs <= 60_000);
    // Well again in between: counted anew.
    assert.equal(
      after([{ ...sight, atMs: 10_000 }, { atMs: 20_000 }, { ...sight, atMs: 20_001 }, { ...sight, atMs: 20_000 + afterMs }]).replace,
      "",
      name,
    );
  }
});

test("a certificate that lives an hour only is no reason while Consul may still make the next: that comes after nine tenths of its life at the latest", () => {
  const endsAt = (expiresAtMs: number) => ({
    atMs: 100_000,
    standing: { ...WELL, certificate: { uri: "spiffe://x", authority: "x", issuedAtMs: expiresAtMs - 3_600_000, expiresAtMs } },
  });
  assert.equal(after([{}, endsAt(400_000)]).replace, "");
  assert.match(after([{}, endsAt(220_000)]).replace, /ends in 2 min/);
});

test("a certificate that ends and is not renewed is a reason", () => {
  const soon = { ...WELL, certificate: { uri: "spiffe://x", authority: "x", expiresAtMs: 400_000 } };
  assert.equal(after([{ standing: soon }]).replace, "", "it has just begun, and gets another");
  assert.match(after([{ standing: soon, atMs: 100_000 }]).replace, /ends in 5 min/);
  assert.match(after([{ standing: soon, atMs: 400_000 }]).replace, /expired/);
});

test("while Consul is away nothing is replaced, and a proxy that was ready stays so", () => {
  const away = { standing: UNCONNECTED, consulAnswers: false };
  const judged = after([{}, { ...away, atMs: 10_000 }, { ...away, atMs: 4_000_000 }]);
  assert.deepEqual([judged.ready, judged.replace], [true, ""]);
  assert.match(judged.problem, /no stream/);
  assert.equal(
    after([{}, { ...SILENT, consulAnswers: false, atMs: 10_000 }, { ...SILENT, consulAnswers: false, atMs: 4_000_000 }]).replace,
    "",
  );
  // It came back: the proxy gets its time to come back, too.
  assert.equal(
    after([{}, { ...away, atMs: 10_000 }, { ...away, atMs: 4_000_000 }, { standing: UNCONNECTED, atMs: 4_000_001 }]).replace,
    "",
  );
});

test("each replacement of the same proxy rests longer than the one before, to a limit", () => {
  assert.deepEqual([1, 2, 3].map(restAfter), [60_000, 120_000, 240_000]);
  assert.equal(restAfter(50), 15 * 60_000);
});
