import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { startPulse } from "#integrations/host";
import { eventually } from "../../../eventually.ts";

test("the pulse answers 200 while the main loop runs, and nothing else", async () => {
  const pulse = await startPulse();
  const answer = await fetch(pulse.url);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "");
  assert.equal((await fetch(pulse.url, { method: "POST", body: "x" })).status, 405);
  await pulse.close();
  await assert.rejects(fetch(pulse.url));
});

test("a pulse that cannot listen says why", async () => {
  const pulse = await startPulse();
  await assert.rejects(startPulse({ port: Number(new URL(pulse.url).port) }), /EADDRINUSE/);
  await pulse.close();
});

/** Answers once, and ends. */
const DYING = `
import { createServer } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
const server = createServer((request, response) => response.end(() => process.exit(1)));
server.listen(workerData.port, workerData.host, () => parentPort.postMessage({ url: "http://127.0.0.1:" + server.address().port + "/" }));`;

test("a thread that ends is started again at the same place, until the pulse is closed", async () => {
  const workerUrl = new URL(`data:text/javascript,${encodeURIComponent(DYING)}`);
  const pulse = await startPulse({ workerUrl });
  for (let times = 0; times < 3; times++) {
    await eventually("an answer", () =>
      fetch(pulse.url, { headers: { connection: "close" } }).then(
        ({ ok }) => ok || undefined,
        () => undefined,
      ),
    );
  }
  await pulse.close();
  await assert.rejects(fetch(pulse.url));
});

/** Hangs for so long whenever a line says how long; says where its pulse is. */
const PROGRAM = `
import { createInterface } from "node:readline";
import { startPulse } from ${JSON.stringify(import.meta.resolve("#integrations/host"))};
const pulse = await startPulse({ hungMs: 600 });
console.log(pulse.url);
createInterface({ input: process.stdin }).on("line", (text) => {
  console.log("hangs");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(text));
  console.log("turns");
});`;

test("a main loop that is busy for a while has a pulse, one that hangs has none, and it comes back; a stopped process does not answer", async (t) => {
  const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const words = child.stdout.setEncoding("utf8")[Symbol.asyncIterator]();
  let unread = "";
  const line = async (): Promise<string> => {
    while (!unread.includes("\n")) {
      const { value, done } = await words.next();
      assert.ok(done !== true, "it ended");
      unread += value;
    }
    const [first = ""] = unread.split("\n", 1);
    unread = unread.slice(first.length + 1);
    return first;
  };
  const url = await line();
  const ask = async (): Promise<number> =>
    (await fetch(url, { signal: AbortSignal.timeout(5000), headers: { connection: "close" } })).status;
  const statuses = async (lengthMs: number): Promise<ReadonlySet<number>> => {
    child.stdin.write(`${lengthMs}\n`);
    assert.equal(await line(), "hangs");
    const seen = new Set<number>();
    let hangs = true;
    const ended = line().then(() => (hangs = false));
    while (hangs) seen.add(await ask());
    await ended;
    return seen;
  };
  assert.deepEqual([...(await statuses(400))], [200]);
  assert.deepEqual([...(await statuses(1500))].toSorted(), [200, 503]);
  // Whatever was asked of it meanwhile is answered by now, or soon.
  while ((await ask()) !== 200);
  child.kill("SIGSTOP");
  await assert.rejects(fetch(url, { signal: AbortSignal.timeout(300) }), { name: "TimeoutError" });
  child.kill("SIGKILL");
  await once(child, "exit");
  await assert.rejects(fetch(url));
});
