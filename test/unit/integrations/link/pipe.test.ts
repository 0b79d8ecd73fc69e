/** A stream that takes nothing. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { KIND } from "../../../../integrations/link/frame.ts";
import { createPipe, type FrameStream } from "../../../../integrations/link/pipe.ts";

function stuckStream() {
  const events = new EventEmitter();
  let cancelled = 0;
  const stream: FrameStream = {
    write: () => false,
    end: () => undefined,
    cancel: () => void cancelled++,
    on: (event: string, listener: (...args: never[]) => void) => events.on(event, listener as () => void),
  };
  return { stream, events, cancelled: () => cancelled };
}

test("what takes nothing is given up when too much waits for it, and who is held is let go", async () => {
  const { stream, cancelled } = stuckStream();
  const reasons: string[] = [];
  const pipe = createPipe(stream, { message: () => undefined, closed: (reason) => reasons.push(reason) });
  const body = new Uint8Array(60 * 1024 * 1024);
  const held = Array.from({ length: 4 }, () => pipe.bulk({ kind: KIND.tell, body }));
  assert.equal(pipe.open, true);
  pipe.urgent({ kind: KIND.answer, body });
  assert.equal(pipe.open, false);
  assert.match(reasons.join(), /takes nothing: too much waits/);
  assert.equal(cancelled(), 1);
  await Promise.all(held);
});

test("what takes nothing for half a minute is given up, however little waits; what takes a little goes on", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { stream, events, cancelled } = stuckStream();
  const reasons: string[] = [];
  const pipe = createPipe(stream, { message: () => undefined, closed: (reason) => reasons.push(reason) });
  pipe.urgent({ kind: KIND.answer });
  for (let at = 0; at < 5; at++) {
    context.mock.timers.tick(29_000);
    pipe.urgent({ kind: KIND.answer });
    events.emit("drain");
  }
  assert.equal(pipe.open, true);
  context.mock.timers.tick(31_000);
  assert.deepEqual([pipe.open, cancelled(), reasons], [false, 1, ["the other end takes nothing"]]);
});
