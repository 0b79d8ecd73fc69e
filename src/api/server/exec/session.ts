/**
 * One command over one socket.
 *
 *   opening ──(handshake, where wanted)──► running ──exited──► closed 1000
 *      └───────────── refused, failed ────────┴──────────────► closed 1008 (the client's fault) | 1011 (ours), with the reason
 *   any ── the socket is gone ──► the command is aborted
 *
 * Slow ends are waited for: a frame is read from the task when the one before it has left this process, and the socket is not
 * read while its input has not been taken.
 */
import type { WebSocket } from "ws";
import type { Clock, ExecInput, ExecOutput } from "#ports";
import type { NamedError } from "#std";
import { badRequest } from "../refusal.ts";
import { refusalOf } from "../reply/refuse.ts";
import { closeText, outputText, readHandshake, readInput } from "./frames.ts";

export interface ExecSession {
  readonly socket: WebSocket;
  readonly clock: Clock;
  /** Wait for {"version":1,…} first. */
  readonly handshake: boolean;
  /** Finds the task and starts the command; failures are NamedErrors. */
  readonly start: (input: AsyncIterable<ExecInput>, signal: AbortSignal) => Promise<AsyncIterable<ExecOutput>>;
  readonly onFault: (error: unknown) => void;
  /** Aborts when the API closes. */
  readonly closing: AbortSignal;
  /** Aborts, with the refusal, when who asked may not any more. */
  readonly lost?: AbortSignal;
}

const CLOSE_NORMAL = 1000;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_CLIENT_FAULT = 1008;
const CLOSE_SERVER_FAULT = 1011;
const REASON_BYTES_MAX = 123;
const HANDSHAKE_MS = 10_000;
/** A client that shows no sign of life for this long is gone. */
const SILENCE_MS = 60_000;
/** A closing agent waits so long for the client's last word. */
const LAST_WORD_MS = 500;
const FRAME_BYTES_MAX = 64 * 1024;
/** Input that waits to be taken; beyond it the socket is not read. */
const INPUT_BYTES_MAX = 256 * 1024;

/** Resolves when the socket is closed. Never rejects. */
export async function runSession(session: ExecSession): Promise<void> {
  const { socket, clock } = session;
  const gone = new AbortController();
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      gone.abort(new Error("the client has gone"));
      resolve();
    });
  });
  socket.on("error", () => socket.terminate());
  const shut = () => {
    socket.close(CLOSE_GOING_AWAY, "the agent stops");
    clock.after(LAST_WORD_MS, () => socket.terminate());
  };
  const refuse = () => {
    socket.close(CLOSE_CLIENT_FAULT, reasonOf(refusalOf(session.lost?.reason).text));
    clock.after(LAST_WORD_MS, () => socket.terminate());
  };
  session.closing.addEventListener("abort", shut, { once: true });
  session.lost?.addEventListener("abort", refuse, { once: true });
  const inbox = new Inbox(socket);
  const pulse = watchPulse(socket, clock);
  try {
    if (session.handshake) await shakeHands(inbox, clock, gone.signal);
    for await (const output of await session.start(inbox.inputs(), gone.signal)) {
      if (output.kind === "exited") {
        for (const stream of ["stdout", "stderr"] as const) await send(socket, closeText(stream));
        await send(socket, outputText(output));
        socket.close(CLOSE_NORMAL);
        break;
      }
      for (let at = 0; at < output.data.length; at += FRAME_BYTES_MAX) {
        await send(socket, outputText({ ...output, data: output.data.subarray(at, at + FRAME_BYTES_MAX) }));
      }
    }
    socket.close(CLOSE_SERVER_FAULT, "the command ended without an exit code");
  } catch (error) {
    const refusal = refusalOf(inbox.failure ?? error);
    // A socket that is closing already fails what is sent: nobody's fault, and nobody is told.
    if (refusal.fault && socket.readyState === socket.OPEN) session.onFault(error);
    socket.close(refusal.status >= 500 ? CLOSE_SERVER_FAULT : CLOSE_CLIENT_FAULT, reasonOf(refusal.text));
  } finally {
    inbox.end();
    await closed;
    pulse.stop();
    session.closing.removeEventListener("abort", shut);
    session.lost?.removeEventListener("abort", refuse);
  }
}

async function shakeHands(inbox: Inbox, clock: Clock, signal: AbortSignal): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = clock.after(HANDSHAKE_MS, () => late.reject(badRequest("failed to read handshake: nothing came in time")));
  try {
    const text = await Promise.race([inbox.next(signal), late.promise]);
    if (text === undefined) throw badRequest("failed to read handshake: the client has gone");
    readHandshake(text);
  } finally {
    timer.cancel();
  }
}

/** Resolves when the frame has left this process: that is the back-pressure. Rejects when the socket is gone. */
function send(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve, reject) => socket.send(text, (error) => (error instanceof Error ? reject(error) : resolve())));
}

/** A close reason has 123 bytes at most, cut between characters. */
function reasonOf(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= REASON_BYTES_MAX) return text;
  return new TextDecoder().decode(bytes.subarray(0, REASON_BYTES_MAX - 3)).replace(/\uFFFD+$/, "") + "…";
}

/** Frames that came and are not taken yet. */
class Inbox {
  /** A frame that could not be understood: the session ends with it. */
  failure: NamedError | undefined;
  readonly #socket: WebSocket;
  #texts: string[] = [];
  #bytes = 0;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer, binary: boolean) => {
      if (this.#ended) return;
      const text = data.toString("utf8");
      if (binary) this.failure ??= badRequest("Cannot read frame: it is binary, wanted text");
      this.#texts.push(text);
      this.#bytes += text.length;
      if (this.#bytes > INPUT_BYTES_MAX) socket.pause();
      this.#wake();
    });
    socket.once("close", () => this.end());
  }

  /** The next frame; undefined at the end. */
  async next(signal?: AbortSignal): Promise<string | undefined> {
    while (this.#texts.length === 0 && !this.#ended && signal?.aborted !== true) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const text = this.#texts.shift();
    if (text === undefined) return undefined;
    this.#bytes -= text.length;
    if (this.#bytes <= INPUT_BYTES_MAX && this.#socket.isPaused) this.#socket.resume();
    return text;
  }

  /** To the end of the session. A frame that cannot be understood closes the socket with 1008. */
  async *inputs(): AsyncGenerator<ExecInput> {
    for (let text = await this.next(); text !== undefined; text = await this.next()) {
      try {
        if (this.failure !== undefined) throw this.failure;
        yield* readInput(text);
      } catch (error) {
        this.failure = error as NamedError;
        this.#socket.close(CLOSE_CLIENT_FAULT, reasonOf(this.failure.message));
        return;
      }
    }
  }

  end(): void {
    this.#ended = true;
    // What nobody takes any more must not hold the socket's close frame back.
    this.#texts = [];
    this.#bytes = 0;
    if (this.#socket.isPaused) this.#socket.resume();
    this.#wake();
  }
}

/** Asks every half minute; terminates a socket that has not answered by the next time. Any frame counts as an answer. */
function watchPulse(socket: WebSocket, clock: Clock): { stop(): void } {
  let alive = true;
  const heard = () => (alive = true);
  socket.on("pong", heard).on("message", heard).on("ping", heard);
  const beat = () => {
    if (!alive && !socket.isPaused) return socket.terminate();
    alive = false;
    socket.ping();
    timer = clock.after(SILENCE_MS / 2, beat);
  };
  let timer = clock.after(SILENCE_MS / 2, beat);
  return { stop: () => timer.cancel() };
}
