/**
 * `drover var lock`: runs a command while a variable's lock is held. nomad.md §4.3.
 *
 *   acquire (again and again, unless -early-return) ─► child ─► renew at half the TTL ─┬─ child ends ─► release ─► its exit code
 *                                                                                      └─ lock lost ─► child told to end, then killed ─► 1
 */
import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError } from "#api/client";
import type { Variable } from "#model";
import { messageOf, NamedError, parseDuration } from "#std";
import type { Command, Context } from "../command.ts";
import { UsageError } from "../flags.ts";
import { readWords } from "./var-put.ts";

const ASK_AGAIN_MS = 1_000;
const KILL_AFTER_MS = 5_000;
const MAX_RETRY = 5;
const BACKOFF_NS = 1e9;
/** Ctrl-C comes by context.interrupted. */
const FORWARDED = ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

export const varLock: Command = {
  usage: "var lock [options] <path or specification> [<specification>] <child> …",
  about:
    "Takes the lock of a variable (which is made if there is none), runs the child while it is held, and gives it back. The child is ended when the lock is lost. Its exit code is this command's.",
  connects: true,
  foreignWords: true,
  flags: {
    ttl: { kind: "duration", value: "duration", about: "For how long it is held without being renewed, 10s to 24h (default 15s)" },
    delay: { kind: "duration", value: "duration", about: "For how long nobody gets it after it was lost (default 15s)" },
    "max-retry": { kind: "whole", value: "count", about: "How often renewing may fail in a row for want of servers (default 5)" },
    backoff: { kind: "duration", value: "duration", about: "How long to wait between those (default 1s)" },
    shell: { kind: "boolean", about: "Run the child by $SHELL, or /bin/sh (default true)" },
    "early-return": { kind: "boolean", about: "Fail when another holds it, instead of waiting" },
    in: {
      kind: "text",
      value: "format",
      about: "What a specification is written in, hcl or json, where its name does not say (default json)",
    },
    verbose: { kind: "boolean", about: "Say more, on standard error" },
    v: { kind: "boolean", about: "As -verbose" },
  },
  async run(context) {
    const { path, specification, words } = await readWords(context, context.arguments);
    if (words.length === 0) throw new UsageError("This command takes a child to run: want <path> <child> …");
    const { flags, namespace: asked } = context;
    const namespace = asked || specification.Namespace || undefined;
    const TTL = flags.text("ttl") ?? specification.Lock.TTL;
    const LockDelay = flags.text("delay") ?? specification.Lock.LockDelay;
    const tell = (text: string) => {
      if (flags.flag("verbose") || flags.flag("v")) context.terminal.complain(text);
    };
    const lock = await acquire(context, { Path: path, Items: specification.Items, Lock: { TTL, LockDelay } }, namespace, tell);
    if (lock === undefined) return 1;
    if (context.interrupted.aborted) {
      // It came with the answer: nobody would hear of it any more.
      await release(context, lock, namespace, tell);
      return 1;
    }
    tell(`Lock of variable ${JSON.stringify(path)} is held`);
    return holdWhile(context, { lock, namespace, words, tell });
  },
};

type Tell = (text: string) => void;
interface Held {
  readonly Path: string;
  readonly ID: string;
  readonly ttlMs: number;
}

/** undefined: interrupted, or another holds it and -early-return. */
async function acquire(
  context: Context,
  body: Pick<Variable, "Path" | "Items"> & { readonly Lock: { readonly TTL: string; readonly LockDelay: string } },
  namespace: string | undefined,
  tell: Tell,
): Promise<Held | undefined> {
  const { api, terminal, flags, interrupted } = context;
  const query = namespace === undefined ? {} : { namespace };
  for (let told = false; ; told = true) {
    try {
      const { value } = await api.variables.acquireLock(body, query);
      const { ID, TTL } = value.Lock as NonNullable<Variable["Lock"]>;
      return { Path: body.Path, ID, ttlMs: (parseDuration(TTL) ?? 15e9) / 1e6 };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) throw error;
    }
    if (flags.flag("early-return")) {
      terminal.complain(`Variable ${JSON.stringify(body.Path)} is locked`);
      return undefined;
    }
    if (!told) tell(`Variable ${JSON.stringify(body.Path)} is locked; waiting`);
    await sleep(ASK_AGAIN_MS, undefined, { signal: interrupted }).catch(() => undefined);
    if (interrupted.aborted) return undefined;
  }
}

async function holdWhile(
  context: Context,
  {
    lock,
    namespace,
    words,
    tell,
  }: { readonly lock: Held; readonly namespace: string | undefined; readonly words: readonly string[]; readonly tell: Tell },
): Promise<number> {
  const { api, terminal, interrupted } = context;
  const query = namespace === undefined ? {} : { namespace };
  const body = { Path: lock.Path, Lock: { ID: lock.ID } };
  const over = new AbortController();
  const { child, ended, send } = startChild(context, words);
  const forward = FORWARDED.map((signal) => [signal, () => send(signal)] as const);
  for (const [signal, listener] of forward) process.on(signal, listener);
  const interrupt = () => send("SIGINT");
  interrupted.addEventListener("abort", interrupt);
  try {
    let lost: string | undefined;
    const renewing = renew(context, lock, (signal) => api.variables.renewLock(body, { ...query, signal }), over.signal).then(
      async (why) => {
        lost = why;
        if (lost !== undefined) await endChild(child, send, ended);
      },
    );
    const code = await ended;
    over.abort();
    await renewing;
    if (lost !== undefined) {
      terminal.complain(`Lock of variable ${JSON.stringify(lock.Path)} was lost: ${lost}; its child was ended`);
      return 1;
    }
    return code;
  } finally {
    over.abort();
    for (const [signal, listener] of forward) process.off(signal, listener);
    interrupted.removeEventListener("abort", interrupt);
    await release(context, lock, namespace, tell);
  }
}

async function release({ api }: Context, lock: Held, namespace: string | undefined, tell: Tell): Promise<void> {
  const query = namespace === undefined ? {} : { namespace };
  await api.variables
    .releaseLock({ Path: lock.Path, Lock: { ID: lock.ID } }, query)
    .catch((error: unknown) => tell(`Cannot release the lock: ${messageOf(error)}`));
}

/** Why it was lost; undefined: it was not, until `over`. */
async function renew(
  { flags }: Context,
  lock: Held,
  ask: (signal: AbortSignal) => Promise<unknown>,
  over: AbortSignal,
): Promise<string | undefined> {
  const most = flags.whole("max-retry") ?? MAX_RETRY;
  const backoffMs = (flags.duration("backoff") ?? BACKOFF_NS) / 1e6;
  const pause = (ms: number) => sleep(ms, undefined, { signal: over }).catch(() => undefined);
  for (let failed = 0; ;) {
    await pause(failed === 0 ? lock.ttlMs / 2 : backoffMs);
    if (over.aborted) return undefined;
    try {
      await ask(AbortSignal.any([over, AbortSignal.timeout(lock.ttlMs / 2)]));
      failed = 0;
    } catch (error) {
      if (over.aborted) return undefined;
      const refused = error instanceof ApiError && error.status < 500;
      if (refused) return error.status === 409 ? "another may hold it" : error.message;
      if (++failed > most) return messageOf(error);
    }
  }
}

interface Child {
  readonly child: ChildProcess;
  /** Its exit code; 128 and the signal's number for one that a signal ended. */
  readonly ended: Promise<number>;
  send(signal: NodeJS.Signals): void;
}

function startChild({ flags, environment }: Context, words: readonly string[]): Child {
  const byShell = !flags.given("shell") || flags.flag("shell");
  const [program, ...rest] = byShell ? [environment["SHELL"] || "/bin/sh", "-c", words.join(" ")] : words;
  // At a terminal it stays in the group that may read from it; elsewhere all it starts is ended with it.
  const ownGroup = !process.stdin.isTTY;
  const child = spawn(program as string, rest, { stdio: "inherit", detached: ownGroup });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(new NamedError("CHILD_FAILED", `Cannot run the child: ${messageOf(error)}`, { cause: error })));
    child.once("exit", (code, signal) => resolve(code ?? 128 + (SIGNAL_NUMBERS[signal ?? ""] ?? 0)));
  });
  const send = (signal: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(ownGroup ? -child.pid : child.pid, signal);
    } catch {
      // It has ended.
    }
  };
  return { child, ended, send };
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
};

async function endChild(child: ChildProcess, send: Child["send"], ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  send("SIGTERM");
  const patience = new AbortController();
  const late = sleep(KILL_AFTER_MS, "late", { signal: patience.signal }).catch(() => "ended");
  if ((await Promise.race([ended, late])) === "late") send("SIGKILL");
  patience.abort();
}
