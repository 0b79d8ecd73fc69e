/**
 * The `sqlite` maker of the log: a database in a worker thread. This side keeps the promises and the indexes; the worker the file.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Log, LogEntry } from "#ports";
import { NamedError } from "#std";
import { type LogReply, type LogRequest, type LogWorkerOptions, OPEN_ID } from "./sqlite-log-protocol.ts";

export interface SqliteLogOptions {
  /** `<data_dir>/server/log.sqlite`; folders are made. */
  readonly path: string;
  /** For a log that is made now; an existing one keeps its own. */
  readonly clusterId: string;
  /** Appends beyond this size are refused as a full disk would. Default: as much as there is. */
  readonly sizeMaxBytes?: number;
  /** The worker's program; the packed release names its own. */
  readonly workerUrl?: URL;
}

const READ_ENTRIES_MAX = 256;
const READ_BYTES_MAX = 1024 * 1024;

/** NamedErrors LOG_LOCKED, LOG_FOREIGN, LOG_CORRUPT, LOG_OPEN_FAILED. */
export async function openSqliteLog(options: SqliteLogOptions): Promise<Log> {
  mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
  const workerData: LogWorkerOptions = { path: options.path, clusterId: options.clusterId, sizeMaxBytes: options.sizeMaxBytes ?? null };
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(options.workerUrl ?? new URL(`./sqlite-log-worker.${extension}`, import.meta.url), { workerData, name: "log" });
  const mailbox = new Mailbox(worker);
  try {
    const opened = await mailbox.answer(OPEN_ID, "opened");
    return new SqliteLog(mailbox, opened);
  } catch (thrown) {
    await worker.terminate();
    throw thrown;
  }
}

class SqliteLog implements Log {
  readonly maker = "sqlite";
  readonly #mailbox: Mailbox;
  #clusterId: string;
  #firstIndex: number;
  #lastIndex: number;
  #closing: Promise<void> | undefined;

  constructor(mailbox: Mailbox, opened: Extract<LogReply, { kind: "opened" }>) {
    this.#mailbox = mailbox;
    this.#clusterId = opened.clusterId;
    this.#firstIndex = opened.firstIndex;
    this.#lastIndex = opened.lastIndex;
  }

  get clusterId(): string {
    return this.#clusterId;
  }
  get firstIndex(): number {
    return this.#firstIndex;
  }
  get lastIndex(): number {
    return this.#lastIndex;
  }

  async append(entries: readonly Uint8Array[]): Promise<number> {
    if (this.#closing !== undefined) throw writeFailed("the log is closed");
    const { firstIndex, lastIndex } = await this.#mailbox.ask({ kind: "append", entries }, "appended");
    this.#lastIndex = Math.max(this.#lastIndex, lastIndex);
    return firstIndex;
  }

  async *read(fromIndex: number): AsyncGenerator<readonly LogEntry[]> {
    const last = this.#lastIndex;
    let from = Math.max(fromIndex, this.#firstIndex);
    while (from <= last) {
      const { entries } = await this.#mailbox.ask({ kind: "read", from, countMax: READ_ENTRIES_MAX, bytesMax: READ_BYTES_MAX }, "entries");
      const newest = entries.at(-1);
      if (newest === undefined) return;
      yield entries;
      from = newest.index + 1;
    }
  }

  async cut(throughIndex: number): Promise<void> {
    const { firstIndex } = await this.#mailbox.ask({ kind: "cut", through: throughIndex }, "done");
    this.#firstIndex = firstIndex;
  }

  async reset({ afterIndex, clusterId }: { readonly afterIndex: number; readonly clusterId: string }): Promise<void> {
    const { firstIndex, lastIndex } = await this.#mailbox.ask({ kind: "reset", after: afterIndex, clusterId }, "done");
    this.#firstIndex = firstIndex;
    this.#lastIndex = lastIndex;
    this.#clusterId = clusterId;
  }

  close(): Promise<void> {
    this.#closing ??= this.#mailbox.end();
    return this.#closing;
  }
}

type Unsent<T> = T extends LogRequest ? Omit<T, "id"> : never;

/** Requests out, replies matched by id. A worker that dies fails everything that waits. */
class Mailbox {
  readonly #ended: Promise<void>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<LogReply>>();
  #next = OPEN_ID + 1;
  #dead: NamedError | undefined;
  /** The worker's end is awaited: it keeps the process until then. */
  #ending = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    // An agent with nothing else to do may end; while an answer is due, it may not.
    worker.unref();
    worker.on("message", (reply: LogReply) => this.#receive(reply));
    worker.on("error", (error: unknown) => this.#die(error instanceof Error ? error.message : String(error)));
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    worker.on("exit", () => {
      this.#die("its worker has ended");
      ended.resolve();
    });
  }

  ask<Kind extends LogReply["kind"]>(request: Unsent<LogRequest>, kind: Kind): Promise<Extract<LogReply, { kind: Kind }>> {
    const id = this.#next++;
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const answer = this.answer(id, kind);
    this.#worker.postMessage({ ...request, id });
    return answer;
  }

  async end(): Promise<void> {
    this.#ending = true;
    if (this.#dead === undefined) await this.ask({ kind: "close" }, "done");
    await this.#ended;
  }

  answer<Kind extends LogReply["kind"]>(id: number, kind: Kind): Promise<Extract<LogReply, { kind: Kind }>> {
    const waiting = Promise.withResolvers<LogReply>();
    this.#waiting.set(id, waiting);
    this.#worker.ref();
    return waiting.promise.then((reply) => {
      if (reply.kind === "failed") throw failure(reply);
      if (reply.kind !== kind) throw new Error(`the log's worker answered "${reply.kind}" to what wants "${kind}"`);
      return reply as Extract<LogReply, { kind: Kind }>;
    });
  }

  #receive(reply: LogReply): void {
    this.#waiting.get(reply.id)?.resolve(reply);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0 && !this.#ending) this.#worker.unref();
  }

  #die(why: string): void {
    this.#dead ??= writeFailed(why);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#dead);
    this.#waiting.clear();
  }
}

function failure(reply: Extract<LogReply, { kind: "failed" }>): NamedError {
  return new NamedError(reply.code, reply.message, {
    statusCode: reply.code === "LOG_WRITE_FAILED" ? 503 : 500,
    ...(reply.fix === undefined ? {} : { fix: reply.fix }),
  });
}

function writeFailed(why: string): NamedError {
  return new NamedError("LOG_WRITE_FAILED", `Cannot append to log: ${why}`, { statusCode: 503 });
}
