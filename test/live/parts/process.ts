/**
 * A real program that a test starts, faults and ends: killed by its pid, its folder removed, also when the test fails or the process
 * of the test exits before its `after` ran.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../eventually.ts";
import { ownFolder, sweepAbandoned } from "../remains.ts";

/** Who ends a part with itself: a TestContext (`t`), or `{ after }` of node:test. */
export interface PartOwner {
  after(remove: () => Promise<void>): void;
}

export interface PartProcess {
  /** Removed with the part. */
  readonly folder: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  isRunning(): boolean;
  /** Everything it printed so far, over restarts too. */
  output(): string;
  /** Starts it and waits until `isReady` says so; an error carries its last words. */
  start(command: string, args: readonly string[], isReady: () => Promise<boolean>): Promise<void>;
  /** SIGTERM, and waits until it has gone. Data stay. */
  stop(): Promise<void>;
  /** SIGKILL, and waits until it is gone. Data stay. */
  kill(): Promise<void>;
  /** SIGSTOP: it holds its sockets and answers nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Runs when the part is removed, before it is killed. */
  beforeRemove(action: () => Promise<void>): void;
  /** Kills it, and removes its folder. More than once does no harm. */
  remove(): Promise<void>;
}

export interface PartPlace {
  /** Words before its command: a host of the test's own (isolated-host.ts). */
  readonly through?: readonly string[];
  /** Beside PATH and HOME. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How it ended before it was ready, with its last words. */
export class PartDidNotStart extends Error {}

const STOP_LIMIT_MS = 15_000;
const LAST_WORDS_LENGTH = 6000;

/** Makes the folder; nothing runs yet. */
export async function partProcess(name: string, owner?: PartOwner, more: PartPlace = {}): Promise<PartProcess> {
  await sweepAbandoned();
  const folder = ownFolder(name);
  const log = join(folder, "output.log");
  appendFileSync(log, "");
  const actions: (() => Promise<void>)[] = [];
  let child: ChildProcess | undefined;
  let ended: Promise<string> = Promise.resolve("before it started");

  const isRunning = (): boolean => child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const output = (): string => readFileSync(log, "utf8");
  const signal = (which: NodeJS.Signals): void => {
    if (isRunning()) child?.kill(which);
  };
  const onExit = (): void => {
    signal("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", onExit);

  const part: PartProcess = {
    folder,
    get pid() {
      return child?.pid ?? 0;
    },
    isRunning,
    output,
    async start(command, args, isReady) {
      const descriptor = openSync(log, "a");
      // What the shell of the person says of another Consul or Vault must not reach this one.
      const [first = "", ...words] = [...(more.through ?? []), command, ...args];
      const started = spawn(first, words, {
        cwd: folder,
        env: { PATH: process.env["PATH"], HOME: folder, ...more.environment },
        stdio: ["ignore", descriptor, descriptor],
      });
      closeSync(descriptor);
      child = started;
      ended = new Promise((resolve) => {
        started.once("error", (error) => resolve(error.message));
        started.once("exit", (code, by) => resolve(code === null ? `by ${by}` : `with exit code ${code}`));
      });
      let over: string | undefined;
      void ended.then((how) => (over = how));
      const lastWords = (): string => output().slice(-LAST_WORDS_LENGTH);
      await eventually(`${name} to be ready`, async () => over !== undefined || (await isReady()), 60_000).catch((error: unknown) => {
        throw new PartDidNotStart(`${error instanceof Error ? error.message : String(error)}\n${lastWords()}`);
      });
      if (over !== undefined) throw new PartDidNotStart(`${name} ended ${over}:\n${lastWords()}`);
    },
    async stop() {
      signal("SIGTERM");
      signal("SIGCONT");
      const limit = setTimeout(() => signal("SIGKILL"), STOP_LIMIT_MS);
      await ended;
      clearTimeout(limit);
    },
    async kill() {
      signal("SIGKILL");
      await ended;
    },
    pause: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    beforeRemove: (action) => void actions.push(action),
    async remove() {
      for (const action of actions.splice(0)) await action();
      await part.kill();
      rmSync(folder, { recursive: true, force: true });
      process.off("exit", onExit);
    },
  };
  owner?.after(part.remove);
  return part;
}

/** Runs `start` again with other ports when one of them was taken by another between looking and listening. */
export async function withFreshPorts<Started>(start: () => Promise<Started>): Promise<Started> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      if (tries === 3 || !(error instanceof PartDidNotStart) || !error.message.includes("address already in use")) throw error;
    }
  }
}
