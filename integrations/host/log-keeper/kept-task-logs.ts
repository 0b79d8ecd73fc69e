/**
 * The agent's side of the log keeper: finds it alive or starts it, calls it, and starts another one when it was killed.
 * Nothing is lost meanwhile: tasks write into pipes that the next keeper opens again, and the agent holds them open as well, so
 * that what a task printed last survives a keeper that was killed before the task ended.
 */
import { spawn } from "node:child_process";
import { closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { TaskLogRequest, TaskLogs } from "#ports";
import { NamedError, messageOf } from "#std";
import { idOf } from "../process/label.ts";
import { run } from "../process/run.ts";
import { socketAddress } from "./keeper.ts";
import { keeperPlaces, pipePaths, registryFile, type KeeperPlaces } from "./places.ts";
import { KEEPER_VERSION, lineSplitter, type KeeperAnswer, type KeeperCall } from "./protocol.ts";

export interface KeptTaskLogsOptions {
  readonly stateDirectory: string;
  /** Words that start the keeper with this Node (the state directory is added); default: its own source file. */
  readonly entry?: readonly string[];
}

const READY_TIMEOUT_MS = 10_000;

export function keptTaskLogs(options: KeptTaskLogsOptions): TaskLogs {
  const places = keeperPlaces(options.stateDirectory);
  const entry = options.entry ?? [fileURLToPath(new URL("./main.ts", import.meta.url))];
  const held = new Map<string, readonly number[]>();
  let connection: Promise<Keeper> | undefined;
  let released = false;

  function hold(id: string): void {
    if (held.has(id)) return;
    const pipes = pipePaths(places, id);
    held.set(id, [pipes.stdoutPath, pipes.stderrPath].filter(isPipe).map(openPipe));
  }

  function letGo(id: string): void {
    for (const fd of held.get(id) ?? []) closeSync(fd);
    held.delete(id);
  }

  function keeper(): Promise<Keeper> {
    connection ??= reach(places, entry)
      .then((reached) => {
        reached.lost(() => {
          connection = undefined;
          // What is registered must be read, whether or not anybody calls us.
          void revive();
        });
        return reached;
      })
      .catch((error: unknown) => {
        connection = undefined;
        throw error;
      });
    return connection;
  }

  async function revive(): Promise<void> {
    for (let pauseMs = 20; !released && registered(places).length > 0; pauseMs = Math.min(pauseMs * 2, 5000)) {
      try {
        await keeper();
        return;
      } catch {
        // The next one may have more luck: memory or process numbers are short, or it was killed as well.
        await sleep(pauseMs);
      }
    }
  }

  /** Calls may be repeated, so one that a dying keeper did not answer is. */
  async function call(body: KeeperCall): Promise<KeeperAnswer> {
    for (let attempt = 0; ; attempt++) {
      const reached = await keeper().catch((error: unknown) => {
        if (attempt === 3) throw error;
        return undefined;
      });
      const answer = await reached?.call(body);
      if (answer !== undefined) return answer;
      if (attempt === 3)
        throw new NamedError(
          "LOG_KEEPER_LOST",
          `Cannot ${body.call} task logs: the log keeper ended ${attempt + 1} times while it was asked`,
        );
    }
  }

  async function checked(body: KeeperCall, about: string): Promise<void> {
    const answer = await call(body);
    if (answer.error !== "") throw new NamedError("LOG_KEEPER_FAILED", `Cannot ${body.call} logs of "${about}": ${answer.error}`);
  }

  return {
    async open(request: TaskLogRequest) {
      const pipes = pipePaths(places, request.id);
      await makePipes(places, [pipes.stdoutPath, pipes.stderrPath]);
      hold(request.id);
      await checked(
        {
          call: "open",
          registration: {
            ...pipes,
            id: request.id,
            directory: request.directory,
            task: request.task,
            maxFiles: request.maxFiles,
            maxFileBytes: request.maxFileSizeMB * 1024 * 1024,
          },
        },
        request.id,
      );
      return pipes;
    },
    async drain(id) {
      if (existsSync(registryFile(places, id))) await checked({ call: "drain", id }, id);
    },
    async close(id) {
      const pipes = pipePaths(places, id);
      if (existsSync(registryFile(places, id))) await checked({ call: "close", id }, id);
      letGo(id);
      // Made by an agent that was killed before it could register them.
      for (const pipe of [pipes.stdoutPath, pipes.stderrPath]) rmSync(pipe, { force: true });
    },
    async list() {
      const ids = registered(places);
      for (const id of ids) hold(id);
      // A keeper that was killed while no agent lived is started again by the first look.
      if (ids.length > 0) await keeper();
      return [...new Set([...ids, ...unregisteredPipes(places)])];
    },
    async release(how) {
      released = true;
      if (how.stop && (connection !== undefined || existsSync(path.join(places.directory, places.socketName)))) {
        const living = connection === undefined ? await connect(places).catch(() => undefined) : await connection.catch(() => undefined);
        await living?.call({ call: "leave" });
        await living?.ended();
      } else {
        (await connection?.catch(() => undefined))?.detach();
      }
      connection = undefined;
      for (const id of held.keys()) letGo(id);
    },
  };
}

/** For reading and writing: it waits for nobody, and there is always a reader and a writer. */
function openPipe(pipe: string): number {
  return openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
}

interface Keeper {
  /** Undefined when the keeper was gone before it answered. */
  call(body: KeeperCall): Promise<KeeperAnswer | undefined>;
  lost(tell: () => void): void;
  ended(): Promise<void>;
  detach(): void;
}

/** Finds the living keeper of our version, or starts one. */
async function reach(places: KeeperPlaces, entry: readonly string[]): Promise<Keeper> {
  const living = await connect(places).catch(() => undefined);
  if (living !== undefined) {
    const hello = await living.call({ call: "hello" });
    if (hello?.version === KEEPER_VERSION) return living;
    await living.call({ call: "leave" });
    await living.ended();
  }
  await startKeeper(places, entry);
  return await connect(places);
}

async function startKeeper(places: KeeperPlaces, entry: readonly string[]): Promise<void> {
  mkdirSync(places.directory, { recursive: true, mode: 0o700 });
  const complaints = openSync(path.join(places.directory, "keeper.log"), "w", 0o600);
  try {
    const child = spawn(process.execPath, [...SMALL, ...entry, path.dirname(places.directory)], {
      detached: true,
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["ignore", complaints, complaints, "pipe"],
    });
    const ready = child.stdio[3] as NodeJS.ReadableStream & { destroy(): void };
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(notStarted("it was not ready in time"));
        }, READY_TIMEOUT_MS);
        const settle = (error?: Error) => {
          clearTimeout(timer);
          if (error === undefined) resolve();
          else reject(error);
        };
        ready.once("data", () => {
          settle();
        });
        // Ended without a word: another keeper may have been faster; connecting decides.
        ready.once("end", () => {
          settle();
        });
        child.once("error", (error) => {
          settle(notStarted(messageOf(error)));
        });
      });
    } finally {
      ready.destroy();
      child.unref();
    }
  } finally {
    closeSync(complaints);
  }
}

/** It keeps no data: a small heap, one thread. */
const SMALL = ["--max-old-space-size=32", "--max-semi-space-size=1", "--v8-pool-size=1", "--no-warnings"];

function notStarted(reason: string): NamedError {
  return new NamedError("LOG_KEEPER_NOT_STARTED", `Cannot start the log keeper: ${reason}`, {
    fix: "Look at log-keeper/keeper.log in the node's state directory.",
  });
}

function connect(places: KeeperPlaces): Promise<Keeper> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketAddress(places));
    socket.once("error", (error) => {
      reject(notStarted(messageOf(error)));
    });
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(speak(socket));
    });
  });
}

function speak(socket: net.Socket): Keeper {
  const waiting = new Map<number, (answer: KeeperAnswer | undefined) => void>();
  let number = 0;
  let told: (() => void) | undefined;
  let detached = false;
  let gone = false;
  const ended = new Promise<void>((resolve) => {
    socket.once("close", () => {
      gone = true;
      for (const settle of waiting.values()) settle(undefined);
      waiting.clear();
      resolve();
      if (!detached) told?.();
    });
  });
  socket.on("error", () => {});
  socket.setEncoding("utf8");
  socket.on(
    "data",
    lineSplitter((line) => {
      const answer = JSON.parse(line) as KeeperAnswer;
      const settle = waiting.get(answer.number);
      waiting.delete(answer.number);
      settle?.(answer);
      if (waiting.size === 0) socket.unref();
    }),
  );
  // An idle connection does not keep the agent alive.
  socket.unref();
  return {
    call(body) {
      if (gone) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        number += 1;
        waiting.set(number, resolve);
        socket.ref();
        socket.write(`${JSON.stringify({ number, body })}\n`);
      });
    },
    lost(tell) {
      told = tell;
      if (gone) tell();
    },
    async ended() {
      detached = true;
      socket.ref();
      await Promise.race([ended, sleep(2000, undefined, { ref: false })]);
      socket.destroy();
    },
    detach() {
      detached = true;
      socket.destroy();
    },
  };
}

async function makePipes(places: KeeperPlaces, pipes: readonly string[]): Promise<void> {
  mkdirSync(places.pipes, { recursive: true, mode: 0o700 });
  const missing = pipes.filter((pipe) => !isPipe(pipe));
  if (missing.length === 0) return;
  // Open to all users: a task of any user may open its /dev/stdout again. The directory above lets nobody else in.
  const made = await run("mkfifo", ["-m", "666", ...missing]);
  if (made.exitCode !== 0 && !pipes.every(isPipe)) {
    throw new NamedError("LOG_KEEPER_FAILED", `Cannot make pipes for task logs: ${made.stderr.trim()}`);
  }
}

function isPipe(file: string): boolean {
  try {
    return lstatSync(file).isFIFO();
  } catch {
    return false;
  }
}

function registered(places: KeeperPlaces): string[] {
  return listed(places.registry)
    .filter((name) => name.endsWith(".json"))
    .map((name) => idOf(name.slice(0, -".json".length)));
}

function unregisteredPipes(places: KeeperPlaces): string[] {
  return listed(places.pipes).map((name) => idOf(name.replace(/\.std(out|err)\.fifo$/, "")));
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
