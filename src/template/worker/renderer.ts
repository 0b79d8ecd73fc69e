/**
 * Renders in a thread of its own, one template after the other. What does not end is ended with its thread; the others get a fresh one.
 *
 *   no thread ──(first request)──► starting ──► idle ◄──► rendering ──(limit, memory, crash)──► no thread
 */
import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "#ports";
import type { Fact, NodeAddress, RenderAnswer, Renderer, RenderRequest } from "../contract.ts";
import type { WorkerReply, WorkerRequest } from "./protocol.ts";

export interface RendererOptions {
  /** The worker's program; the packed release names its own. */
  readonly workerUrl?: URL | undefined;
  readonly clock: Pick<Clock, "after">;
  /** The node's addresses now, for templates that ask (`sockaddr`). */
  readonly addresses?: () => readonly NodeAddress[];
  /** Of one rendering's own time. */
  readonly limitMs?: number;
  /** Of the worker's heap; a rendering that holds a third of it is refused. */
  readonly memoryMaxMegabytes?: number;
}

const LIMIT_MS = 10_000;
const MEMORY_MAX_MEGABYTES = 768;
const YOUNG_MEGABYTES = 8;
const START_LIMIT_MS = 60_000;
/** Facts the worker keeps, before it forgets all of them. */
const FACTS_MAX = 5000;

export function createRenderer(options: RendererOptions): Renderer {
  return new WorkerRenderer(options);
}

interface Job {
  readonly request: RenderRequest;
  readonly answer: (answer: RenderAnswer) => void;
}

/** A thread, and what it was sent. */
interface Thread {
  readonly worker: Worker;
  ready: boolean;
  readonly sent: Map<string, Fact>;
}

class WorkerRenderer implements Renderer {
  readonly #options: RendererOptions;
  readonly #waiting: Job[] = [];
  #thread: Thread | undefined;
  #current: Job | undefined;
  #limit: Timer | undefined;
  #closed = false;

  constructor(options: RendererOptions) {
    this.#options = options;
  }

  render(request: RenderRequest): Promise<RenderAnswer> {
    if (this.#closed) return Promise.resolve(failed("TEMPLATE_FAILED", "Cannot render template: the renderer is closed"));
    return new Promise((answer) => {
      this.#waiting.push({ request, answer });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closing = [...(this.#current === undefined ? [] : [this.#current]), ...this.#waiting.splice(0)];
    this.#current = undefined;
    const thread = this.#leave();
    for (const { answer } of closing) answer(failed("TEMPLATE_FAILED", "Cannot render template: the renderer is closed"));
    await thread?.worker.terminate();
  }

  #next(): void {
    if (this.#current !== undefined || this.#waiting.length === 0) return;
    this.#current = this.#waiting.shift();
    this.#thread ??= this.#start();
    this.#thread.worker.ref();
    if (this.#thread.ready) this.#send(this.#thread);
  }

  #start(): Thread {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const url = this.#options.workerUrl ?? new URL(`./template-worker.${extension}`, import.meta.url);
    const worker = new Worker(url, {
      name: "templates",
      env: {},
      execArgv: [],
      // A young generation that is small is promoted in small pieces: V8 gives up, and the process with it, if the last one is large.
      resourceLimits: { maxOldGenerationSizeMb: this.#options.memoryMaxMegabytes ?? MEMORY_MAX_MEGABYTES, maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    const thread: Thread = { worker, ready: false, sent: new Map() };
    worker.on("message", (reply: WorkerReply) => this.#receive(thread, reply));
    worker.on("error", (thrown) => this.#lose(thread, problemOfCrash(thrown)));
    worker.on("exit", () => this.#lose(thread, failed("TEMPLATE_FAILED", "Cannot render template: its thread ended")));
    this.#limitTo(START_LIMIT_MS, () => this.#lose(thread, failed("TEMPLATE_FAILED", "Cannot render template: its thread did not start")));
    return thread;
  }

  #send(thread: Thread): void {
    const job = this.#current;
    if (job === undefined) return;
    const limitMs = this.#options.limitMs ?? LIMIT_MS;
    const message = `Cannot render template: it took longer than ${limitMs / 1000} s and was ended`;
    this.#limitTo(limitMs, () => this.#lose(thread, failed("TEMPLATE_TIMEOUT", message)));
    try {
      thread.worker.postMessage(requestFor(thread, this.#withAddresses(job.request)));
    } catch (thrown) {
      // What a fact is, is no business of an error.
      this.#lose(thread, failed("TEMPLATE_FAILED", `Cannot render template: what is known cannot be handed to its thread (${(thrown as Error).name})`));
    }
  }

  #withAddresses(request: RenderRequest): RenderRequest {
    const { addresses } = this.#options;
    return addresses === undefined || request.addresses !== undefined || !request.text.includes("sockaddr") ? request : { ...request, addresses: addresses() };
  }

  #receive(thread: Thread, reply: WorkerReply): void {
    if (thread !== this.#thread) return;
    this.#limit?.cancel();
    if (reply === "ready") {
      thread.ready = true;
      this.#send(thread);
      return;
    }
    this.#finish(reply);
  }

  /** The thread is of no use any more; whatever it was at gets this answer. */
  #lose(thread: Thread, answer: RenderAnswer): void {
    if (thread !== this.#thread) return;
    this.#leave();
    void thread.worker.terminate();
    this.#finish(answer);
  }

  #leave(): Thread | undefined {
    const thread = this.#thread;
    this.#limit?.cancel();
    this.#thread = undefined;
    return thread;
  }

  #finish(answer: RenderAnswer): void {
    const job = this.#current;
    this.#current = undefined;
    job?.answer(answer);
    if (!this.#closed) this.#next();
    // It keeps nobody alive while it has nothing to do.
    if (this.#current === undefined) this.#thread?.worker.unref();
  }

  #limitTo(limitMs: number, end: () => void): void {
    this.#limit?.cancel();
    this.#limit = this.#options.clock.after(limitMs, end);
  }
}

/** Facts it has already are named only. A fact is never changed: a new one takes its place. */
function requestFor({ sent }: Thread, { facts, ...request }: RenderRequest): WorkerRequest {
  const forget = sent.size + facts.size > FACTS_MAX;
  if (forget) sent.clear();
  const changed = [...facts].map(([key, fact]) => (sent.get(key) === fact ? ([key] as const) : ([key, fact] as const)));
  for (const [key, fact] of facts) sent.set(key, fact);
  return { ...request, facts: changed, forget };
}

function problemOfCrash(thrown: unknown): RenderAnswer {
  if ((thrown as { code?: string }).code === "ERR_WORKER_OUT_OF_MEMORY") {
    return failed("TEMPLATE_TOO_LARGE", "Cannot render template: it takes more memory than a rendering may have");
  }
  return failed("TEMPLATE_FAILED", `Cannot render template: its thread failed (${thrown instanceof Error ? thrown.name : "unknown"})`);
}

const failed = (code: string, message: string): RenderAnswer => ({ what: "failed", problem: { code, message, fix: "", line: 0, column: 0 }, used: [] });
