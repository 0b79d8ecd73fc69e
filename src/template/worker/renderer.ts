/**
 * Renders in a process of its own, one template after the other; one that had to be ended before comes when no other waits, so that nobody's templates
 * hold up everybody's. What does not end, or eats the memory, is ended with the process; the others get a
 * fresh one. Nodes whose templates are quiet have none.
 *
 *   no process ──(first request)──► starting ──► idle ◄──► rendering
 *        ▲                                        │            │
 *        └────────(a minute without work)─────────┴────────────┴── (limit, memory, death)
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Clock, Timer } from "#ports";
import type { Fact, NodeAddress, RenderAnswer, Renderer, RenderRequest } from "../contract.ts";
import { failed, NO_MEMORY, type ProcessReply, type ProcessRequest, type WorkerRequest } from "./protocol.ts";

export interface RendererOptions {
  /** The process's program; the packed release names its own. */
  readonly workerUrl?: URL | undefined;
  readonly clock: Pick<Clock, "after">;
  /** The node's addresses now, for templates that ask (`sockaddr`). */
  readonly addresses?: () => readonly NodeAddress[];
  /** Of one rendering's own time. */
  readonly limitMs?: number;
  /** Without work, before the process ends. */
  readonly idleMs?: number;
  /** Of the rendering thread's heap; a rendering that holds a third of it is refused. */
  readonly memoryMaxMegabytes?: number;
}

const LIMIT_MS = 10_000;
/** The process ends a rendering itself: twice this later it is taken for hung. */
const MARGIN_MS = 5000;
const IDLE_MS = 60_000;
const MEMORY_MAX_MEGABYTES = 768;
/** It only carries what goes through. */
const CARRIER_MEGABYTES = 256;
const START_LIMIT_MS = 60_000;
/** Facts the thread keeps, before it forgets all of them. */
const FACTS_MAX = 5000;
/** A process that somebody kills is none of the template's doing, the first time. */
const TRIES_MAX = 2;
/** Templates remembered that had to be ended. */
const ENDED_MAX = 1000;

export function createRenderer(options: RendererOptions): Renderer {
  return new ProcessRenderer(options);
}

interface Job {
  readonly request: RenderRequest;
  readonly answer: (answer: RenderAnswer) => void;
  tries: number;
}

/** A process, and what it was sent. */
interface Running {
  readonly child: ChildProcess;
  ready: boolean;
  readonly sent: Map<string, Fact>;
  readonly gone: Promise<void>;
}

class ProcessRenderer implements Renderer {
  readonly #options: RendererOptions;
  readonly #waiting: Job[] = [];
  /** Those of texts in #ended. */
  readonly #waitingLast: Job[] = [];
  /** Digests of texts whose rendering had to be ended; the newest come last. */
  readonly #ended = new Set<string>();
  #running: Running | undefined;
  #current: Job | undefined;
  /** Of the rendering under way, the start, or the idleness. */
  #limit: Timer | undefined;
  #closed = false;

  constructor(options: RendererOptions) {
    this.#options = options;
  }

  render(request: RenderRequest): Promise<RenderAnswer> {
    if (this.#closed) return Promise.resolve(CLOSED);
    return new Promise((answer) => {
      const lane = this.#ended.size > 0 && this.#ended.has(digestOf(request)) ? this.#waitingLast : this.#waiting;
      lane.push({ request, answer, tries: 0 });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closing = [...(this.#current === undefined ? [] : [this.#current]), ...this.#waiting.splice(0), ...this.#waitingLast.splice(0)];
    this.#current = undefined;
    const running = this.#leave();
    for (const { answer } of closing) answer(CLOSED);
    await running?.gone;
  }

  #next(): void {
    if (this.#current !== undefined) return;
    this.#current = this.#waiting.shift() ?? this.#waitingLast.shift();
    if (this.#current === undefined) {
      this.#rest();
      return;
    }
    this.#current.tries++;
    this.#running ??= this.#start();
    hold(this.#running, true);
    if (this.#running.ready) this.#send(this.#running);
  }

  /** It keeps nobody alive while it has nothing to do, and does not stay for long. */
  #rest(): void {
    if (this.#running === undefined) return;
    hold(this.#running, false);
    this.#limitTo(this.#options.idleMs ?? IDLE_MS, () => this.#leave());
  }

  #start(): Running {
    const child = startProcess(this.#options);
    const running: Running = { child, ready: false, sent: new Map(), gone: once(child, "close").then(nothing, nothing) };
    child.on("message", (reply: ProcessReply) => this.#receive(running, reply));
    child.on("error", () => this.#lose(running, NOT_STARTED));
    child.on("exit", (_, signal) => this.#died(running, signal));
    this.#limitTo(START_LIMIT_MS, () => this.#lose(running, NOT_STARTED));
    return running;
  }

  #send(running: Running): void {
    const job = this.#current;
    if (job === undefined) return;
    const limitMs = this.#options.limitMs ?? LIMIT_MS;
    const hung = failed("TEMPLATE_TIMEOUT", `Cannot render template: it took longer than ${limitMs / 1000} s and was ended`);
    // An agent that stood still itself hears in the second part what was said meanwhile.
    this.#limitTo(limitMs + MARGIN_MS, () => this.#limitTo(MARGIN_MS, () => this.#lose(running, hung)));
    try {
      const message: ProcessRequest = { request: requestFor(running, this.#withAddresses(job.request)), limitMs };
      // That it is gone is told by its exit.
      running.child.send(message, nothing);
    } catch (thrown) {
      // What a fact is, is no business of an error.
      this.#lose(
        running,
        failed("TEMPLATE_FAILED", `Cannot render template: what is known cannot be handed over (${(thrown as Error).name})`),
      );
    }
  }

  #withAddresses(request: RenderRequest): RenderRequest {
    const { addresses } = this.#options;
    return addresses === undefined || request.addresses !== undefined || !request.text.includes("sockaddr")
      ? request
      : { ...request, addresses: addresses() };
  }

  #receive(running: Running, reply: ProcessReply): void {
    if (running !== this.#running) return;
    if (reply === "ready") {
      this.#limit?.cancel();
      running.ready = true;
      this.#send(running);
    } else if (reply.ended) this.#lose(running, reply.answer);
    else {
      this.#limit?.cancel();
      if (reply.forgot) running.sent.clear();
      this.#finish(reply.answer);
    }
  }

  #died(running: Running, signal: NodeJS.Signals | null): void {
    if (running !== this.#running) return;
    const job = this.#current;
    if (job !== undefined && signal !== null && !V8_GAVE_UP.includes(signal) && job.tries < TRIES_MAX) {
      this.#leave();
      this.#current = undefined;
      this.#waiting.unshift(job);
      this.#next();
      return;
    }
    this.#lose(running, signal === null ? ENDED : NO_MEMORY);
  }

  /** The process is of no use any more; whatever it was at gets this answer. */
  #lose(running: Running, answer: RenderAnswer): void {
    if (running !== this.#running) return;
    this.#leave();
    if (this.#current !== undefined) this.#remember(this.#current);
    this.#finish(answer);
  }

  #remember({ request }: Job): void {
    this.#ended.add(digestOf(request));
    const [oldest] = this.#ended;
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }

  /** Ends the process: there is nothing in it to save. */
  #leave(): Running | undefined {
    const running = this.#running;
    this.#limit?.cancel();
    this.#running = undefined;
    if (running === undefined) return undefined;
    hold(running, this.#closed);
    running.child.kill("SIGKILL");
    return running;
  }

  #finish(answer: RenderAnswer): void {
    const job = this.#current;
    this.#current = undefined;
    job?.answer(answer);
    if (!this.#closed) this.#next();
  }

  #limitTo(limitMs: number, end: () => void): void {
    this.#limit?.cancel();
    this.#limit = this.#options.clock.after(limitMs, end);
  }
}

/** How V8 ends when it finds no memory. */
const V8_GAVE_UP: readonly NodeJS.Signals[] = ["SIGABRT", "SIGTRAP", "SIGILL", "SIGSEGV", "SIGBUS"];

const CLOSED = failed("TEMPLATE_FAILED", "Cannot render template: the renderer is closed");
const ENDED = failed("TEMPLATE_FAILED", "Cannot render template: its process ended");
const NOT_STARTED = failed("TEMPLATE_FAILED", "Cannot render template: its process did not start");

/** It leaves no core, and a kernel short of memory takes it first. */
const QUIETLY = 'ulimit -c 0; { echo 1000 > /proc/self/oom_score_adj; } 2>/dev/null; exec "$@"';

/** Away from the terminal's signals, in no folder of anybody, with nothing of the agent's environment; it may read files and start its thread, no more. */
function startProcess({ workerUrl, memoryMaxMegabytes = MEMORY_MAX_MEGABYTES }: RendererOptions): ChildProcess {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const program = fileURLToPath(workerUrl ?? new URL(`./template-process.${extension}`, import.meta.url));
  const flags = [`--max-old-space-size=${CARRIER_MEGABYTES}`, "--permission", "--allow-fs-read=*", "--allow-worker"];
  return spawn("/bin/sh", ["-c", QUIETLY, "drover-templates", process.execPath, ...flags, program, String(memoryMaxMegabytes)], {
    cwd: "/",
    detached: true,
    env: { PATH: process.env["PATH"] ?? "" },
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
}

const digestOf = ({ text }: RenderRequest): string => createHash("sha256").update(text).digest("base64");

const nothing = (): void => undefined;

function hold({ child }: Running, held: boolean): void {
  if (held) {
    child.ref();
    child.channel?.ref();
  } else {
    child.unref();
    child.channel?.unref();
  }
}

/** Facts it has already are named only. A fact is never changed: a new one takes its place. */
function requestFor({ sent }: Running, { facts, ...request }: RenderRequest): WorkerRequest {
  const forget = sent.size + [...facts.keys()].filter((key) => !sent.has(key)).length > FACTS_MAX;
  if (forget) sent.clear();
  const changed = [...facts].map(([key, fact]) => (sent.get(key) === fact ? ([key] as const) : ([key, fact] as const)));
  for (const [key, fact] of facts) sent.set(key, fact);
  return { ...request, facts: changed, forget };
}
