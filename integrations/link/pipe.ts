/**
 * One stream of frames, whichever end: messages are cut to frames and put together again, and what cannot leave yet waits.
 *
 *   urgent ──►┐
 *   bulk   ──►┴─► frames ─► gRPC ─► frames ─► messages, in order
 *
 * Urgent messages (calls, answers, heartbeats) pass bulk ones (changes, items): a frame of bulk is all they ever wait for. Each of both
 * keeps its own order. A stream that takes nothing while more and more waits is given up.
 */
import { messageOf } from "#std";
import { type Frame, frame, KIND, NO_BODY } from "./frame.ts";

/** What both ends of a gRPC stream can do. */
export interface FrameStream {
  write(frame: Frame): boolean;
  /** No more frames from here. */
  end(): void;
  /** Breaks it off. */
  cancel(): void;
  on(event: "data", listener: (frame: Frame) => void): unknown;
  on(event: "drain" | "end" | "close" | "cancelled", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

export interface Message {
  readonly kind: number;
  readonly call: number;
  readonly method: string;
  readonly body: Uint8Array;
  readonly credit: number;
}

export interface Pipe {
  urgent(message: Partial<Message> & { readonly kind: number }): void;
  /** Resolves when there is room for more; never rejects. */
  bulk(message: Partial<Message> & { readonly kind: number }): Promise<void>;
  /** Says why, and ends. */
  close(reason: string): void;
  readonly open: boolean;
}

export interface PipeEvents {
  readonly message: (message: Message) => void;
  /** Called once. */
  readonly closed: (reason: string, error: Error | undefined) => void;
  /** Of a message that comes in parts, while whoever sends it is not known yet; undefined: known. */
  readonly messageBytesMax?: () => number | undefined;
}

/** A frame is at most this long: what an urgent message may have to wait for. */
const FRAME_BYTES = 128 * 1024;
/** Of all that came in parts and is not whole yet. */
const GATHERED_BYTES_MAX = 256 * 1024 * 1024;
/** Of a part besides its body. */
const PART_BYTES = 64;
/** Messages whose parts come by turns. */
const GATHERED_MAX = 1_024;
/** Of what waits to leave. Beyond it the other end is too slow to be worth it: it connects anew and is told everything at once. */
const WAITING_BYTES_MAX = 256 * 1024 * 1024;
/** A stream that takes nothing for so long while something waits is not worth it either, however little that is. */
const STALLED_MS = 30_000;
/** So much of bulk may wait before whoever sends it is held. */
const ROOM_BYTES = 512 * 1024;
/** After its last word a stream that stays open is broken off. */
const LAST_WORD_MS = 500;

export function createPipe(stream: FrameStream, events: PipeEvents): Pipe {
  const urgent: Frame[] = [];
  const bulk: Frame[] = [];
  let waitingBytes = 0;
  let blocked = false;
  let stalled: NodeJS.Timeout | undefined;
  let open = true;
  let held: (() => void)[] = [];
  const parts = new Map<string, { chunks: Uint8Array[]; bytes: number }>();
  let gatheredBytes = 0;

  function over(reason: string, error?: Error): void {
    if (!open) return;
    open = false;
    clearTimeout(stalled);
    urgent.length = 0;
    bulk.length = 0;
    waitingBytes = 0;
    parts.clear();
    gatheredBytes = 0;
    release();
    events.closed(reason, error);
  }

  function release(): void {
    const due = held;
    held = [];
    for (const each of due) each();
  }

  function breakOff(reason: string): void {
    over(reason);
    stream.cancel();
  }

  function flush(): void {
    while (open && !blocked) {
      const next = urgent.shift() ?? bulk.shift();
      if (next === undefined) break;
      waitingBytes -= next.body.length;
      blocked = !stream.write(next);
    }
    if (blocked && open) stalled ??= setTimeout(() => breakOff("the other end takes nothing"), STALLED_MS).unref();
    if (waitingBytes < ROOM_BYTES && held.length > 0) release();
  }

  function queue(lane: Frame[], message: Partial<Message> & { readonly kind: number }): void {
    if (!open) return;
    const { kind, call = 0, method = "", body = NO_BODY, credit = 0 } = message;
    let at = 0;
    do {
      const part = body.subarray(at, at + FRAME_BYTES);
      at += part.length;
      lane.push(frame(kind, { call, method, body: part, more: at < body.length, credit }));
    } while (at < body.length);
    waitingBytes += body.length;
    if (waitingBytes > WAITING_BYTES_MAX) return breakOff("the other end takes nothing: too much waits for it");
    flush();
  }

  function take(received: Frame): void {
    if (!open) return;
    const key = `${received.kind} ${received.call}`;
    const begun = parts.get(key);
    if (begun === undefined && !received.more) return events.message(received);
    const gathered = begun ?? { chunks: [], bytes: 0 };
    gathered.chunks.push(received.body);
    // An empty part costs too.
    const cost = received.body.length + PART_BYTES;
    gathered.bytes += cost;
    gatheredBytes += cost;
    if (gatheredBytes > (events.messageBytesMax?.() ?? GATHERED_BYTES_MAX) || parts.size > GATHERED_MAX)
      return breakOff("a message is larger than any may be");
    if (received.more) return void parts.set(key, gathered);
    parts.delete(key);
    gatheredBytes -= gathered.bytes;
    events.message({ ...received, body: Buffer.concat(gathered.chunks) });
  }

  stream.on("data", (received) => {
    try {
      if (received.kind === KIND.close) return close(Buffer.from(received.body).toString("utf8"));
      take(received);
    } catch (error) {
      breakOff(messageOf(error));
    }
  });
  stream.on("drain", () => {
    blocked = false;
    clearTimeout(stalled);
    stalled = undefined;
    flush();
  });
  stream.on("error", (error) => over(messageOf(error), error));
  stream.on("cancelled", () => over("the connection was broken off"));
  stream.on("end", () => {
    over("the connection ended");
    stream.end();
  });
  stream.on("close", () => over("the connection was closed"));

  function close(reason: string): void {
    over(reason);
    stream.end();
    setTimeout(() => stream.cancel(), LAST_WORD_MS).unref();
  }

  return {
    urgent: (message) => queue(urgent, message),
    bulk(message) {
      queue(bulk, message);
      if (!open || waitingBytes < ROOM_BYTES) return Promise.resolve();
      return new Promise((resolve) => held.push(resolve));
    },
    close(reason) {
      if (!open) return;
      stream.write(frame(KIND.close, { body: Buffer.from(reason, "utf8") }));
      close(reason);
    },
    get open() {
      return open;
    },
  };
}
