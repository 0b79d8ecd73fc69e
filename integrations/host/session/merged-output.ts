/**
 * Both streams of a command as one sequence of chunks. A slow reader holds the command back: at most a few chunks wait here.
 * When the command has ended but something it left behind holds its output open, what is there is read and then it is over.
 */
import type { Readable } from "node:stream";

export interface OutputChunk {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

const WAITING_MAX = 16;
/** So long after the end nothing may come before nothing is awaited any more. */
const QUIET_MS = 100;

export async function* mergedOutput(
  streams: Readonly<Record<"stdout" | "stderr", Readable>>,
  ended: Promise<unknown>,
): AsyncGenerator<OutputChunk, void, undefined> {
  const waiting: OutputChunk[] = [];
  const all = Object.entries(streams) as ["stdout" | "stderr", Readable][];
  let open = all.length;
  let over = false;
  /** Of chunks, ever. */
  let count = 0;
  let changed = Promise.withResolvers<void>();
  let quiet: NodeJS.Timeout | undefined;
  const nudge = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const restartQuiet = () => {
    if (!over) return;
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      // Our own process may have been busy: what came meanwhile is read before this is believed.
      const heard = count;
      setImmediate(() => {
        // What waits is for a slow reader, who begins the quiet time anew with each chunk.
        if (heard !== count || waiting.length > 0) return;
        open = 0;
        nudge();
      });
    }, QUIET_MS);
  };
  for (const [stream, readable] of all) {
    readable.on("data", (data: Buffer) => {
      waiting.push({ stream, data });
      count++;
      if (waiting.length >= WAITING_MAX) for (const [, each] of all) each.pause();
      restartQuiet();
      nudge();
    });
    readable.once("close", () => {
      open--;
      nudge();
    });
    readable.on("error", () => {});
  }
  void ended.finally(() => {
    over = true;
    restartQuiet();
  });
  try {
    for (;;) {
      const chunk = waiting.shift();
      if (chunk !== undefined) {
        if (waiting.length < WAITING_MAX / 2) for (const [, each] of all) each.resume();
        yield chunk;
        // The reader was slow, not the command: the quiet time begins anew.
        restartQuiet();
        continue;
      }
      if (open <= 0) return;
      await changed.promise;
    }
  } finally {
    clearTimeout(quiet);
    for (const [, each] of all) each.destroy();
  }
}
