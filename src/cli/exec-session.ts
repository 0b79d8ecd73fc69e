/**
 * A person (or a script) at a command that runs in a task: standard input, the size of the terminal, `~.` go in; output comes out.
 * nomad.md §3.4, §4.3 (alloc exec).
 *
 *   reading ──~. at the start of a line──► let go        tty: the terminal is raw, every key but that is the command's
 *      └────────── exited ───────────────► its code
 */
import type { ExecInput, ExecOutput } from "#ports";

/** What standard input and the terminal are here; process.* outside tests. */
export interface ExecStreams {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly output: NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };
  readonly errorOutput: NodeJS.WritableStream;
}

export interface ExecOptions {
  readonly tty: boolean;
  /** Pass standard input on. */
  readonly interactive: boolean;
  /** One character; undefined: none. Only with a tty. */
  readonly escape: string | undefined;
}

/** Exit code of a session that was let go by `~.`. */
const LET_GO = 1;

/** `start` opens the session with the input made here; answers the command's exit code, or 1 when it was let go. */
export async function runExecSession(
  streams: ExecStreams,
  options: ExecOptions,
  start: (input: AsyncIterable<ExecInput>, signal: AbortSignal) => Promise<AsyncIterable<ExecOutput>>,
  interrupted: AbortSignal,
): Promise<number> {
  const letGo = new AbortController();
  const signal = AbortSignal.any([letGo.signal, interrupted]);
  const input = new ExecInputs(streams, options, () => letGo.abort());
  try {
    const outputs = await start(input.inputs(), signal);
    // Raw only when somebody listens at the other end: a refused command leaves the terminal alone.
    input.begin();
    for await (const one of outputs) {
      if (one.kind === "exited") return one.exitCode;
      await write(one.kind === "stdout" ? streams.output : streams.errorOutput, one.data);
    }
    return LET_GO;
  } catch (error) {
    if (letGo.signal.aborted) return LET_GO;
    throw error;
  } finally {
    input.end();
  }
}

/** A slow reader of ours slows the command, it does not fill our memory. */
function write(stream: NodeJS.WritableStream, data: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (stream.write(data)) resolve();
    else stream.once("drain", resolve);
  });
}

class ExecInputs {
  readonly #streams: ExecStreams;
  readonly #options: ExecOptions;
  readonly #letGo: () => void;
  readonly #escape: EscapeFilter | undefined;
  #waiting: ExecInput[] = [];
  #wake: () => void = () => undefined;
  #begun = false;
  #ended = false;

  constructor(streams: ExecStreams, options: ExecOptions, letGo: () => void) {
    this.#streams = streams;
    this.#options = options;
    this.#letGo = letGo;
    this.#escape = options.tty && options.escape !== undefined ? new EscapeFilter(options.escape) : undefined;
  }

  async *inputs(): AsyncGenerator<ExecInput> {
    while (!this.#ended) {
      const one = this.#waiting.shift();
      if (one !== undefined) {
        yield one;
        continue;
      }
      if (this.#begun) this.#streams.input.resume();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  begin(): void {
    const { input, output } = this.#streams;
    this.#begun = true;
    if (this.#options.tty) {
      this.#resized();
      output.on("resize", this.#resized);
      if (input.isTTY === true) input.setRawMode?.(true);
    }
    if (!this.#options.interactive) {
      this.#push({ kind: "stdin-end" });
      return;
    }
    input.on("data", this.#read);
    input.on("end", this.#over);
    input.on("error", this.#over);
    input.resume();
  }

  end(): void {
    const { input, output } = this.#streams;
    this.#ended = true;
    this.#wake();
    if (!this.#begun) return;
    output.removeListener("resize", this.#resized);
    input.removeListener("data", this.#read);
    input.removeListener("end", this.#over);
    input.removeListener("error", this.#over);
    if (this.#options.tty && input.isTTY === true) input.setRawMode?.(false);
    input.pause();
    // An open pipe nobody reads from would hold the process.
    (input as { unref?: () => void }).unref?.();
  }

  readonly #read = (data: Buffer): void => {
    if (this.#escape === undefined) return this.#take(data);
    const { passed, letGo } = this.#escape.push(data);
    this.#take(passed);
    if (letGo) this.#letGo();
  };

  readonly #over = (): void => {
    this.#push({ kind: "stdin-end" });
  };

  readonly #resized = (): void => {
    const { columns, rows } = this.#streams.output;
    // A terminal nobody has given a size says 0.
    if ((columns ?? 0) > 0 && (rows ?? 0) > 0) this.#push({ kind: "size", height: rows as number, width: columns as number });
  };

  #take(data: Uint8Array): void {
    if (data.length === 0) return;
    // Read on when this has been taken.
    this.#streams.input.pause();
    this.#push({ kind: "stdin", data });
  }

  #push(one: ExecInput): void {
    this.#waiting.push(one);
    this.#wake();
  }
}

const NEW_LINE = 10;
const CARRIAGE_RETURN = 13;
const DOT = 46;

/**
 * Finds `~.` at the start of a line; `~~` there is one `~`, anything else after `~` passes with it. Pure but for what it remembers.
 *
 *   start of line ──~──► escape seen ──.──► let go
 *        ▲  └──other──► within line   └─other─► within line
 *        └────── line end ────┘
 */
export class EscapeFilter {
  readonly #escape: number;
  #state: "line-start" | "escape-seen" | "within-line" = "line-start";

  constructor(escape: string) {
    this.#escape = escape.charCodeAt(0);
  }

  push(data: Uint8Array): { readonly passed: Uint8Array; readonly letGo: boolean } {
    const passed: number[] = [];
    for (const byte of data) {
      const afterEscape = this.#state === "escape-seen";
      if (afterEscape && byte === DOT) return { passed: Uint8Array.from(passed), letGo: true };
      if (this.#state === "line-start" && byte === this.#escape) {
        this.#state = "escape-seen";
        continue;
      }
      if (afterEscape && byte !== this.#escape) passed.push(this.#escape);
      passed.push(byte);
      this.#state = byte === NEW_LINE || byte === CARRIAGE_RETURN ? "line-start" : "within-line";
    }
    return { passed: Uint8Array.from(passed), letGo: false };
  }
}
