/** The shared log on one real Consul server: appends, how soon a follower has them, barriers, and how long nobody leads. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { consulSharedLog } from "#integrations/consul";
import { createHostClock } from "#integrations/host";
import { connectionTo, pulseServer } from "../conformance/shared-log-place.ts";
import { CREATED, leaderOf } from "../conformance/shared-log.ts";
import { startConsul } from "../live/parts/consul.ts";

const APPENDS = 500;
const FAILOVERS = 3;
const consul = await startConsul();
const closing: (() => Promise<unknown> | unknown)[] = [];
const key = randomBytes(32);

function percentile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2);
}
function show(what: string, values: readonly number[]): void {
  console.log(`${what}: p50 ${percentile(values, 0.5)} ms, p99 ${percentile(values, 0.99)} ms (${values.length})`);
}
function open(server: string, http: string) {
  const connection = connectionTo(consul.httpAddress);
  closing.unshift(() => connection.close());
  const log = consulSharedLog({ connection, key, pulse: { id: server, http }, clock: createHostClock() });
  closing.unshift(() => log.close());
  return log;
}
/** A main loop in a process of its own, to kill and to stop. */
async function mainLoop(): Promise<{ readonly child: ChildProcess; readonly http: string }> {
  const code =
    'const s = require("node:http").createServer((q, r) => r.end("ok")).listen(0, "127.0.0.1", () => console.log(s.address().port))';
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  closing.push(() => child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, http: `http://127.0.0.1:${line.toString().trim()}/` };
}

try {
  const pulse = await pulseServer();
  closing.push(() => pulse.close());
  const [a, b] = [open("a", pulse.http), open("b", pulse.http)];
  await a.create(CREATED);
  const over = new AbortController();
  const tenure = await a.campaign(leaderOf("a"), over.signal);
  const acknowledged = new Map<number, number>();
  const seen = new Map<number, number>();
  const following = (async () => {
    for await (const batch of b.follow(1, over.signal)) seen.set(batch.FirstIndex, performance.now());
  })();
  for (const size of [2_000, 200_000]) {
    const took: number[] = [];
    for (let n = 0; n < (size > 10_000 ? APPENDS / 5 : APPENDS); n++) {
      const entry = randomBytes(size);
      const startedMs = performance.now();
      const index = await tenure.append([entry]);
      acknowledged.set(index, performance.now());
      took.push(performance.now() - startedMs);
    }
    show(`append of ${size} bytes`, took);
  }
  const lag = [...acknowledged].flatMap(([index, at]) => (seen.has(index) ? [(seen.get(index) ?? 0) - at] : []));
  show(
    "acknowledged → follower",
    lag.map((each) => Math.max(0, each)),
  );
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: 5_000 }, () => tenure.append([randomBytes(200)])));
  console.log(`5,000 appends of 200 bytes at once: ${(performance.now() - startedMs).toFixed(0)} ms`);
  const barriers: number[] = [];
  for (let n = 0; n < APPENDS; n++) {
    const askedMs = performance.now();
    await b.head();
    barriers.push(performance.now() - askedMs);
  }
  show("head (barrier)", barriers);
  const last = (await b.head())?.LastIndex ?? 0;
  const caughtMs = performance.now();
  let read = 0;
  for await (const batch of open("c", pulse.http).follow(1, over.signal)) if ((read += batch.Entries.length) >= last) break;
  console.log(`catching up with ${read} entries (22 MB): ${(performance.now() - caughtMs).toFixed(0)} ms`);
  await tenure.resign("over");
  for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
    const took: number[] = [];
    for (let n = 0; n < FAILOVERS; n++) {
      const loop = await mainLoop();
      const name = `${signal}-${n}`;
      const one = await open(name, loop.http).campaign(leaderOf(name), over.signal);
      await one.append([randomBytes(10)]);
      const next = b.campaign(leaderOf("b"), over.signal);
      // As long after a check as chance has it.
      await new Promise((resolve) => setTimeout(resolve, 700 + n * 170));
      const failedMs = performance.now();
      loop.child.kill(signal);
      const two = await next;
      await two.append([randomBytes(10)]);
      took.push(performance.now() - failedMs);
      await two.resign("over");
    }
    console.log(`main loop ${signal} → the next leader's first append: ${took.map((each) => each.toFixed(0)).join(", ")} ms`);
  }
  over.abort();
  await following;
} finally {
  for (const close of closing) await close();
  await consul.remove();
}
