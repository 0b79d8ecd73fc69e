/**
 * The process says that it runs: an HTTP listener that Consul asks, and on whose answers leadership hangs (consul-log.md, 24). The kernel takes
 * connections for a process that is stopped; it answers no request for it.
 *
 * Three ends, three speeds, so that a busy machine is not taken for a dead one:
 *
 *   killed     the connection is refused: at once
 *   stopped    no thread answers: after the check's time-out (consul/log/session.ts)
 *   hung       the thread of the pulse answers "503" once the main loop has not turned for hungMs
 *
 * The listener lives in a thread of its own (pulse-worker.ts), which the machine's load hardly delays: a main loop that computes, collects garbage or
 * waits for a processor for a second or two leads on. In the main loop such a second lost the leadership of servers that had nothing wrong with them.
 */
import { Worker } from "node:worker_threads";

export interface Pulse {
  /** http://127.0.0.1:41234/ */
  readonly url: string;
  close(): Promise<void>;
}

export interface PulseOptions {
  /** 127.0.0.1 by default, or an address that the Consul which asks can reach. */
  readonly host?: string;
  /** 0 (default): a free one. */
  readonly port?: number;
  /** A main loop that has not turned for so long is hung. Default 2,500. */
  readonly hungMs?: number;
  /** The thread's program; the packed release names its own. */
  readonly workerUrl?: URL;
}

export interface PulseWorkerOptions {
  readonly host: string;
  readonly port: number;
  readonly hungMs: number;
}

/** The thread's words: where it listens; that it cannot; "turn?", to which the main loop says "turned". */
export type PulseMessage = { readonly url: string } | { readonly problem: string } | "turn?";

const HUNG_MS = 2_500;
/** Before a thread that ended is started again. */
const AGAIN_MS = 200;

/** Rejects when nothing can listen there. A thread that ends later is started again at the same port: without a pulse nobody leads. */
export async function startPulse({ host = "127.0.0.1", port = 0, hungMs = HUNG_MS, workerUrl }: PulseOptions = {}): Promise<Pulse> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const program = workerUrl ?? new URL(`./pulse-worker.${extension}`, import.meta.url);
  let worker: Worker | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const begin = async (at: number): Promise<string> => {
    worker = new Worker(program, { workerData: { host, port: at, hungMs } satisfies PulseWorkerOptions, name: "pulse", execArgv: [] });
    try {
      return await listening(worker);
    } catch (thrown) {
      await worker.terminate();
      throw thrown;
    }
  };
  const keep = (url: string): void => {
    const again = (): void => {
      if (closed) return;
      timer = setTimeout(() => void begin(Number(new URL(url).port)).then(keep, again), AGAIN_MS);
    };
    worker?.once("exit", again);
  };
  const url = await begin(port);
  keep(url);
  return {
    url,
    async close() {
      closed = true;
      clearTimeout(timer);
      await worker?.terminate();
    },
  };
}

/** Until it does, the rejection says why not; from then on its questions are answered. */
function listening(worker: Worker): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  worker.on("message", (message: PulseMessage) => {
    if (message === "turn?") worker.postMessage("turned");
    else if ("url" in message) resolve(message.url);
    else reject(new Error(message.problem));
  });
  worker.on("error", reject);
  worker.once("exit", () => reject(new Error("its thread ended")));
  return promise;
}
