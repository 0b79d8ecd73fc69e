/**
 * A command in a task over a websocket, from the asking end. nomad.md §3.4. The library is loaded when the first command runs, so
 * that every other command starts without it.
 */
import type { WebSocket } from "ws";
import type { ExecInput, ExecOutput } from "#ports";
import type { NamedError } from "#std";
import { HEADERS } from "../contract/mod.ts";
import { ApiError, ApiUnreachable } from "./api-error.ts";
import type { ApiClientOptions } from "./options.ts";
import type { Requester, QueryOptions } from "./requester.ts";
import { tlsOptions } from "./tls.ts";

const HEARTBEAT_MS = 10_000;
/** Output that waits to be taken; beyond it the socket is not read. */
const OUTPUT_BYTES_MAX = 1024 * 1024;
const INPUT_BYTES_MAX = 32 * 1024;

/**
 * Resolves when the socket is open. The iterable ends with `exited`; it rejects with ApiError (its text is the agent's reason) when
 * the command could not run, ApiUnreachable when the connection breaks. Leaving the loop or aborting ends the command.
 */
export async function openExec(
  ask: Requester,
  options: ApiClientOptions,
  path: string,
  query: QueryOptions,
  input: AsyncIterable<ExecInput>,
): Promise<AsyncIterable<ExecOutput>> {
  const { WebSocket: Socket } = await import("ws");
  const target = ask.socketTarget(path, query);
  const secure = target.url.startsWith("wss:") ? await tlsOptions(options.tls ?? {}) : {};
  const socket = new Socket(target.url, { headers: target.headers, perMessageDeflate: false, ...secure });
  const stop = () => socket.terminate();
  query.signal?.addEventListener("abort", stop, { once: true });
  socket.once("close", () => query.signal?.removeEventListener("abort", stop));
  const outputs = new Outputs(socket, ask.address);
  await opened(socket, ask.address);
  void forward(socket, input).catch(() => socket.terminate());
  return outputs.read();
}

function opened(socket: WebSocket, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", (error) => reject(unreachable(address, error)));
    socket.once("unexpected-response", (_request, response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("end", () => {
        const [code, fix] = [response.headers[HEADERS.errorCode], response.headers[HEADERS.errorFix]];
        reject(
          new ApiError(response.statusCode ?? 500, Buffer.concat(parts).toString("utf8").trim(), {
            code: code?.toString(),
            fix: fix === undefined ? undefined : decodeURIComponent(fix.toString()),
          }),
        );
        socket.terminate();
      });
    });
  });
}

function unreachable(address: string, cause: unknown): NamedError {
  return new ApiUnreachable("API_UNREACHABLE", `Cannot reach the agent at "${address}": the connection broke`, { cause });
}

/** One frame at a time, each on its way before the next is asked for. */
async function forward(socket: WebSocket, input: AsyncIterable<ExecInput>): Promise<void> {
  const send = (frame: unknown) => new Promise<void>((resolve) => socket.send(JSON.stringify(frame), () => resolve()));
  const heart = setInterval(() => void send({}), HEARTBEAT_MS);
  socket.once("close", () => clearInterval(heart));
  for await (const one of input) {
    if (socket.readyState !== socket.OPEN) return;
    if (one.kind === "stdin-end") await send({ stdin: { close: true } });
    else if (one.kind === "size") await send({ tty_size: { height: one.height, width: one.width } });
    else {
      for (let at = 0; at < one.data.length; at += INPUT_BYTES_MAX) {
        await send({ stdin: { data: Buffer.from(one.data.subarray(at, at + INPUT_BYTES_MAX)).toString("base64") } });
      }
    }
  }
}

interface Frame {
  readonly stdout?: { readonly data?: string };
  readonly stderr?: { readonly data?: string };
  readonly exited?: boolean;
  readonly result?: { readonly exit_code?: number };
}

class Outputs {
  readonly #socket: WebSocket;
  #waiting: string[] = [];
  #bytes = 0;
  #end: NamedError | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket, address: string) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const text = data.toString("utf8");
      this.#waiting.push(text);
      this.#bytes += text.length;
      if (this.#bytes > OUTPUT_BYTES_MAX) socket.pause();
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.once("close", (code, reason) => {
      const text = reason.toString("utf8");
      // 1006 is what a socket says that was cut off; the others are the agent's word.
      this.#end = code === 1006 || text === "" ? unreachable(address, undefined) : new ApiError(code === 1011 ? 500 : 400, text);
      this.#wake();
    });
  }

  async *read(): AsyncGenerator<ExecOutput> {
    try {
      for (;;) {
        while (this.#waiting.length === 0 && this.#end === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        const text = this.#waiting.shift();
        if (text === undefined) throw this.#end as NamedError;
        this.#bytes -= text.length;
        if (this.#bytes <= OUTPUT_BYTES_MAX && this.#socket.isPaused) this.#socket.resume();
        const frame = JSON.parse(text) as Frame;
        for (const kind of ["stdout", "stderr"] as const) {
          const data = frame[kind]?.data;
          if (data !== undefined && data !== "") yield { kind, data: Buffer.from(data, "base64") };
        }
        if (frame.exited === true) {
          yield { kind: "exited", exitCode: frame.result?.exit_code ?? 0 };
          return;
        }
      }
    } finally {
      if (this.#socket.isPaused) this.#socket.resume();
      this.#socket.close(1000);
    }
  }
}
