/**
 * A command beside a task: docker exec over one upgraded connection. Its processes carry a mark in their environment, for docker has
 * no way to end one: by the mark they are found and killed, by us or by the next agent.
 */
import { createHash, randomUUID } from "node:crypto";
import { PassThrough, type Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Exec } from "dockerode";
import type { ExecSession, TaskExec, TaskId } from "#ports";
import type { Daemon } from "./daemon.ts";
import { endMarked } from "./marked-processes.ts";
import { isMissing } from "./problem.ts";
import { frameReader } from "./stream-frames.ts";

const MARK = "DROVER_SESSION";
const KILLED = 137;
const END_OF_INPUT = "\u0004";
const LOOK_MS = 40;
const LOOK_MAX_MS = 500;

export interface ExecRequest {
  readonly daemon: Daemon;
  readonly owner: string;
  readonly id: TaskId;
  readonly container: string;
  /** Marks of the sessions this driver began. */
  readonly own: Set<string>;
}

const prefixOf = (owner: string, id: TaskId) => `${owner}-${createHash("sha256").update(id).digest("hex").slice(0, 16)}-`;

export async function dockerSession(request: ExecRequest, wanted: TaskExec): Promise<ExecSession> {
  const { daemon, own } = request;
  const prefix = prefixOf(request.owner, request.id);
  const mark = `${prefix}${randomUUID()}`;
  own.add(mark);
  const exec = await daemon.docker.getContainer(request.container).exec({
    Cmd: [...wanted.command],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: wanted.tty,
    ...(wanted.size !== undefined && { ConsoleSize: [wanted.size.height, wanted.size.width] as [number, number] }),
    Env: [...Object.entries(wanted.environment).map(([key, value]) => `${key}=${value}`), `${MARK}=${mark}`],
  });
  const socket = await exec.start({ hijack: true, stdin: true, Tty: wanted.tty });
  const output = outputOf(socket, wanted.tty);
  // A docker before version 23 does not know the size it is created with.
  if (wanted.size !== undefined) void resized(exec, wanted.size.height, wanted.size.width);
  const state = { closed: false, killed: false };
  socket.once("close", () => {
    state.closed = true;
  });
  socket.on("error", () => {
    socket.destroy();
  });

  const exited = (async () => {
    const code = await ended(exec, state);
    // A command that ended by itself may leave something running: its own affair. Its connection goes when its output is closed.
    if (state.killed || code === undefined) socket.destroy();
    own.delete(mark);
    return code ?? KILLED;
  })();

  async function kill(): Promise<void> {
    state.killed = true;
    for (let round = 0; round < 500; round++) {
      const now = await inspected(exec);
      // Not begun: it is on its way.
      if (now !== undefined && now.Pid === 0 && now.ExitCode === null) {
        await sleep(LOOK_MS);
        continue;
      }
      await endMarked(MARK, (value) => value === mark, mark, now !== undefined && now.Running && now.Pid > 0 ? [now.Pid] : []);
      if (now === undefined || !now.Running) break;
      await sleep(LOOK_MS);
    }
    socket.destroy();
  }

  return {
    output,
    write: (data) =>
      new Promise((resolve) => {
        if (socket.destroyed || socket.writableEnded) resolve();
        else if (socket.write(data)) resolve();
        else {
          socket.once("drain", resolve);
          socket.once("close", resolve);
        }
      }),
    end() {
      if (socket.destroyed || socket.writableEnded) return;
      if (wanted.tty) socket.write(END_OF_INPUT);
      else socket.end();
    },
    resize(height, width) {
      void resized(exec, height, width);
    },
    exited,
    kill() {
      kill().catch(() => {
        socket.destroy();
      });
    },
  };
}

/** Ends what sessions of agents before us left in this task. */
export async function endForeignSessions(owner: string, id: TaskId, own: ReadonlySet<string>): Promise<void> {
  await endMarked(MARK, (value) => !own.has(value), prefixOf(owner, id));
}

interface Look {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly Pid: number;
}

async function inspected(exec: Exec): Promise<Look | undefined> {
  try {
    return (await exec.inspect()) as unknown as Look;
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

/** Its exit code; undefined when it went with its container. */
async function ended(exec: Exec, state: { readonly closed: boolean }): Promise<number | undefined> {
  for (let pauseMs = LOOK_MS; ; pauseMs = state.closed ? LOOK_MS : Math.min(LOOK_MAX_MS, pauseMs * 1.5)) {
    try {
      const now = await inspected(exec);
      if (now === undefined) return undefined;
      if (!now.Running && now.ExitCode !== null) return now.ExitCode;
    } catch {
      // Docker is away: nothing is known now.
    }
    await sleep(pauseMs);
  }
}

/** A terminal that is just being made has no size yet. */
async function resized(exec: Exec, h: number, w: number): Promise<void> {
  for (let round = 0; round < 50; round++) {
    try {
      await exec.resize({ h, w });
      return;
    } catch (thrown) {
      if (isMissing(thrown)) return;
      const now = await inspected(exec).catch(() => undefined);
      if (now === undefined || now.ExitCode !== null) return;
      await sleep(LOOK_MS);
    }
  }
}

function outputOf(socket: Duplex, tty: boolean): ExecSession["output"] {
  const output = new PassThrough({ objectMode: true });
  const reader = frameReader();
  socket.on("data", (chunk: Buffer) => {
    const frames = tty ? [{ stream: "stdout" as const, data: chunk }] : reader.push(chunk);
    let room = true;
    for (const frame of frames) room = output.write(frame);
    if (!room) {
      socket.pause();
      output.once("drain", () => socket.resume());
    }
  });
  const finish = () => {
    output.end();
    if (!socket.destroyed) socket.destroy();
  };
  socket.once("end", finish);
  socket.once("close", finish);
  return output as ExecSession["output"];
}
