import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { mergedOutput } from "../../../../integrations/host/session/merged-output.ts";
import { eventually } from "../../../eventually.ts";

const CHUNK = Buffer.alloc(64 * 1024, "x");

function streams() {
  return { stdout: new PassThrough({ highWaterMark: CHUNK.length }), stderr: new PassThrough() };
}

/** A command that writes `chunks` as fast as it is read, and is told when it has. */
async function written(into: PassThrough, chunks: number): Promise<void> {
  for (let done = 0; done < chunks; done++) if (!into.write(CHUNK)) await new Promise((resolve) => into.once("drain", resolve));
}

describe("the output of a command", () => {
  test("is whole for a reader slower than the quiet time, also when something holds it open", async () => {
    const { stdout, stderr } = streams();
    const over = Promise.withResolvers<void>();
    const writing = written(stdout, 40).then(() => over.resolve());
    let bytes = 0;
    let slept = false;
    for await (const { data } of mergedOutput({ stdout, stderr }, over.promise)) {
      bytes += data.length;
      // Longer than the quiet time, when the command has ended and more waits than is held here.
      if (!slept && bytes >= 24 * CHUNK.length) {
        slept = true;
        over.resolve();
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
    assert.equal(bytes, 40 * CHUNK.length);
    await writing;
  });

  test("is whole when this process was busy as the command ended", async () => {
    const { stdout, stderr } = streams();
    const output = mergedOutput({ stdout, stderr }, Promise.resolve());
    const first = output.next();
    await new Promise((resolve) => setImmediate(resolve));
    // The chunk is there before anything here could look at it.
    setTimeout(() => stdout.write("last"), 150);
    const busyUntil = performance.now() + 200;
    while (performance.now() < busyUntil);
    const { value } = await first;
    assert.equal(String(value?.data), "last");
    assert.equal((await output.next()).done, true);
  });

  test("ends although something left behind holds it open", async () => {
    const { stdout, stderr } = streams();
    stdout.write("all of it");
    let text = "";
    for await (const { data } of mergedOutput({ stdout, stderr }, Promise.resolve())) text += Buffer.from(data).toString();
    assert.equal(text, "all of it");
    assert.ok(stdout.destroyed && stderr.destroyed);
  });

  test("holds the command back while nobody reads", async () => {
    const { stdout, stderr } = streams();
    const output = mergedOutput({ stdout, stderr }, new Promise(() => undefined));
    let done = 0;
    void (async () => {
      for (; done < 100; done++) await written(stdout, 1);
    })();
    await output.next();
    await eventually("the command is held back", () => stdout.writableNeedDrain && stdout.isPaused());
    assert.ok(done < 30, String(done));
    await output.return();
    assert.ok(stdout.destroyed && stderr.destroyed);
  });
});
