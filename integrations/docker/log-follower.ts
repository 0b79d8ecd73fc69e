/**
 * Carries a container's output from docker into the task's pipes. Docker keeps the last few megabytes (request.ts, F50); where we are
 * is written beside the task after every write into a pipe, so that the next agent goes on there: nothing docker still has is lost,
 * no line comes twice.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "#std";
import type { Daemon } from "./daemon.ts";
import { LOG_BEGIN, advanced, readMessage, remaining, sinceOf, type LogMessage, type LogPosition, type StreamPosition } from "./log-position.ts";
import type { DockerReport } from "./options.ts";
import { isMissing } from "./problem.ts";
import { frameReader, lineReader } from "./stream-frames.ts";

export interface LogFollower {
  /** All the container ever said was handed on, or cannot be any more. */
  readonly done: Promise<void>;
  /** Of the last progress, by performance.now. */
  lastProgressMs(): number;
  close(): void;
}

export interface FollowRequest {
  readonly daemon: Daemon;
  readonly container: string;
  readonly task: string;
  readonly tty: boolean;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  readonly positionFile: string;
  readonly report: DockerReport;
}

type StreamName = "stdout" | "stderr";
interface Queued extends LogMessage {
  readonly stream: StreamName;
}

const PIPE_PAUSE_MS = 10;
const AGAIN_MS = 300;
const BATCH_BYTES = 64 * 1024;

export function followLogs(request: FollowRequest): LogFollower {
  const ending = new AbortController();
  let progressMs = performance.now();
  const touch = () => {
    progressMs = performance.now();
  };
  const done = carry(request, ending.signal, touch).catch((thrown: unknown) => {
    if (ending.signal.aborted) return;
    request.report({
      level: "warn",
      message: "docker: a task's output is not collected any more",
      fields: { task_id: request.task, problem: messageOf(thrown) },
    });
  });
  return { done, lastProgressMs: () => progressMs, close: () => { ending.abort(); } };
}

async function carry(request: FollowRequest, signal: AbortSignal, touch: () => void): Promise<void> {
  const outlet = openOutlet(request);
  try {
    const container = request.daemon.docker.getContainer(request.container);
    while (!signal.aborted) {
      try {
        const { State } = await container.inspect();
        const alive = State.Running || State.Restarting || State.Status === "created";
        await readOnce(request, alive, outlet, signal, touch);
        // What ended before it was asked for is told whole.
        if (!alive) return;
      } catch (thrown) {
        if (isMissing(thrown) || signal.aborted) return;
      }
      await pause(AGAIN_MS, signal);
    }
  } finally {
    outlet.close();
  }
}

async function readOnce(request: FollowRequest, follow: boolean, outlet: Outlet, signal: AbortSignal, touch: () => void): Promise<void> {
  const container = request.daemon.docker.getContainer(request.container);
  const position = outlet.position();
  const options = { stdout: true, stderr: true, timestamps: true, since: sinceOf(position) as unknown as number };
  const stream = follow
    ? ((await container.logs({ ...options, follow: true })) as unknown as AsyncIterable<Buffer> & { destroy(): void })
    : oneChunk(await container.logs({ ...options, follow: false }));
  const stop = () => {
    stream.destroy();
  };
  signal.addEventListener("abort", stop, { once: true });
  const fresh = { stdout: remaining(position.stdout), stderr: remaining(position.stderr) };
  const reader = request.tty ? lineReader() : frameReader();
  try {
    for await (const chunk of stream) {
      const batch: Queued[] = [];
      for (const frame of reader.push(chunk)) {
        const message = readMessage(frame.data);
        if (message === undefined) continue;
        const data = fresh[frame.stream](message);
        if (data !== undefined) batch.push({ stream: frame.stream, time: message.time, data });
      }
      touch();
      await outlet.write(batch, signal, touch);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stream.destroy();
  }
}

function oneChunk(data: Buffer): AsyncIterable<Buffer> & { destroy(): void } {
  return {
    async *[Symbol.asyncIterator]() {
      if (Buffer.isBuffer(data)) yield data;
    },
    destroy() {},
  };
}

interface Outlet {
  position(): LogPosition;
  write(batch: readonly Queued[], signal: AbortSignal, touch: () => void): Promise<void>;
  close(): void;
}

function openOutlet(request: FollowRequest): Outlet {
  const flags = constants.O_RDWR | constants.O_NONBLOCK | constants.O_APPEND;
  const out = openSync(request.stdoutPath, flags);
  const err = openSync(request.stderrPath, flags);
  const note = openSync(request.positionFile, constants.O_RDWR | constants.O_CREAT, 0o600);
  const pipes = { stdout: out, stderr: err };
  let position = readPosition(request.positionFile);

  /** Messages of one stream in one write; in the same breath it is noted how far they went. */
  function writeSome(stream: StreamName, run: Queued[]): number {
    let written: number;
    try {
      written = writeSync(pipes[stream], Buffer.concat(run.map((each) => each.data)));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      throw thrown;
    }
    let at: StreamPosition = position[stream];
    let left = written;
    for (let message = run[0]; message !== undefined && (left > 0 || message.data.length === 0); message = run[0]) {
      const whole = left >= message.data.length;
      const bytes = whole ? message.data.length : left;
      at = advanced(at, message.time, bytes, whole);
      left -= bytes;
      if (whole) run.shift();
      else run[0] = { ...message, data: message.data.subarray(bytes) };
    }
    position = { ...position, [stream]: at };
    writeSync(note, `${JSON.stringify(position).padEnd(300)}\n`, 0);
    return written;
  }

  return {
    position: () => position,
    async write(batch, signal, touch) {
      for (let at = 0; at < batch.length;) {
        const stream = batch[at]?.stream ?? "stdout";
        const run: Queued[] = [];
        for (let bytes = 0; at < batch.length && batch[at]?.stream === stream && bytes < BATCH_BYTES; at++) {
          const message = batch[at] as Queued;
          run.push(message);
          bytes += message.data.length;
        }
        while (run.length > 0 && !signal.aborted) {
          if (writeSome(stream, run) === 0 && run.length > 0) await pause(PIPE_PAUSE_MS, signal);
          else touch();
        }
      }
    },
    close() {
      for (const fd of [out, err, note]) closeSync(fd);
    },
  };
}

function readPosition(file: string): LogPosition {
  try {
    const value = JSON.parse(readFileSync(file, "utf8")) as Partial<LogPosition>;
    return { stdout: value.stdout ?? LOG_BEGIN.stdout, stderr: value.stderr ?? LOG_BEGIN.stderr };
  } catch {
    return LOG_BEGIN;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
