/**
 * Calls over a pipe: one side asks, the other answers. A call has arguments and one answer, or many values each way.
 *
 *   asked ─CALL─► answering ─ITEM…─► (END) ANSWER | FAULT
 *     └─ITEM… END (input)─►      └─ CANCEL from the asking side at any time
 *
 * Values of a call travel on credit: each side takes what it has room for and asks for more when somebody has used it. So a slow
 * reader holds back its own call, far away at the source, and no other.
 */
import { NamedError } from "#std";
import { pack, packFault, unpack, unpackFault } from "./body.ts";
import { KIND } from "./frame.ts";
import type { Message, Pipe } from "./pipe.ts";

/** Bytes of values on the way or waiting, per call and direction; a single value may be larger. */
export const CREDIT_BYTES = 256 * 1024;
/** Calls that one connection may have running at the other end; what is above it is refused, and may be asked again. */
const RUNNING_MAX = 4_096;
/** Of a value besides its body: many small ones count too. */
const ITEM_BYTES = 64;

export interface Asking {
  ask(method: string, args: readonly unknown[]): Promise<unknown>;
  /** Values as they come. Abort or an early end of the loop cancels the call; after an abort it ends as the far side's values would have. */
  stream(method: string, args: readonly unknown[], signal: AbortSignal, input?: AsyncIterable<unknown>): AsyncIterable<unknown>;
  take(message: Message): void;
  /** Everything that waits fails. */
  closed(reason: string): void;
}

interface Waiting {
  answer(value: unknown): void;
  fault(error: Error): void;
  readonly output: Inbox | undefined;
  readonly allowance: Allowance | undefined;
}

export function createAsking(pipe: () => Pipe | undefined, closedMessage: (reason: string) => string): Asking {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let over: string | undefined;

  function lost(reason: string): NamedError {
    return new NamedError("LINK_REFUSED", closedMessage(reason), { statusCode: 503 });
  }

  function send(): Pipe {
    const through = pipe();
    if (over !== undefined || through === undefined || !through.open) throw lost(over ?? "it is not open");
    return through;
  }

  function begin(method: string, args: readonly unknown[], expects: Waiting): number {
    const through = send();
    const call = ++last;
    waiting.set(call, expects);
    through.urgent({ kind: KIND.call, call, method, body: pack(args) });
    return call;
  }

  async function* stream(method: string, args: readonly unknown[], signal: AbortSignal, input?: AsyncIterable<unknown>) {
    if (signal.aborted) return;
    const through = send();
    const output = new Inbox((credit) => through.urgent({ kind: KIND.credit, call, credit }));
    const allowance = new Allowance();
    const call = begin(method, args, {
      answer: () => output.end(),
      fault: (error) => output.end(error),
      output,
      allowance,
    });
    let pumped: (() => void) | undefined;
    const cancel = () => {
      if (waiting.delete(call)) through.urgent({ kind: KIND.cancel, call });
      output.end();
    };
    signal.addEventListener("abort", cancel, { once: true });
    try {
      if (input !== undefined) {
        pumped = pump(input, allowance, {
          item: (value) => through.bulk({ kind: KIND.item, call, body: value }),
          end: () => void through.bulk({ kind: KIND.end, call }),
        });
      }
      yield* output.values();
    } finally {
      signal.removeEventListener("abort", cancel);
      cancel();
      pumped?.();
    }
  }

  return {
    ask(method, args) {
      return new Promise((resolve, reject) => {
        begin(method, args, { answer: resolve, fault: reject, output: undefined, allowance: undefined });
      });
    },
    stream,
    take({ kind, call, body, credit }) {
      const expected = waiting.get(call);
      if (expected === undefined) return;
      if (kind === KIND.item) expected.output?.put(body);
      else if (kind === KIND.credit) expected.allowance?.add(credit);
      else if (kind === KIND.answer || kind === KIND.fault) {
        waiting.delete(call);
        if (kind === KIND.answer) expected.answer(body.length === 0 ? undefined : unpack(body));
        else expected.fault(unpackFault(body));
      }
    },
    closed(reason) {
      if (over !== undefined) return;
      over = reason;
      const all = [...waiting.values()];
      waiting.clear();
      for (const each of all) each.fault(lost(reason));
    },
  };
}

/** What can be asked of this side. A method that answers with an AsyncIterable is one of many values. */
export type Answers = Readonly<
  Record<
    string,
    (args: readonly unknown[], signal: AbortSignal, input: () => AsyncIterable<unknown>) => Promise<unknown> | AsyncIterable<unknown>
  >
>;

export interface Answering {
  take(message: Message): void;
  closed(): void;
}

interface Running {
  readonly gone: AbortController;
  readonly input: Inbox;
  readonly allowance: Allowance;
}

export function createAnswering(pipe: () => Pipe | undefined, answers: Answers): Answering {
  const running = new Map<number, Running>();

  async function run(call: number, method: string, body: Uint8Array): Promise<void> {
    const reply = (kind: number, words?: Uint8Array) => {
      pipe()?.urgent({ kind, call, ...(words === undefined ? {} : { body: words }) });
    };
    const credit = (more: number) => pipe()?.urgent({ kind: KIND.credit, call, credit: more });
    const current: Running = { gone: new AbortController(), input: new Inbox(credit), allowance: new Allowance() };
    // Who asks numbers its calls; one that is used twice was not made by this protocol.
    if (running.has(call))
      return reply(
        KIND.fault,
        packFault(new NamedError("LINK_FRAME_UNREADABLE", "Cannot answer: this call runs already", { statusCode: 400 })),
      );
    running.set(call, current);
    try {
      if (running.size > RUNNING_MAX) throw tooMany();
      const answer = Object.hasOwn(answers, method) ? answers[method] : undefined;
      if (answer === undefined) throw unknownMethod(method);
      const answered = answer(unpack(body) as readonly unknown[], current.gone.signal, () => current.input.values());
      if (Symbol.asyncIterator in answered) await sendAll(call, answered, current);
      const value = Symbol.asyncIterator in answered ? undefined : await answered;
      if (!current.gone.signal.aborted) reply(KIND.answer, value === undefined ? undefined : pack(value));
    } catch (thrown) {
      if (!current.gone.signal.aborted) reply(KIND.fault, packFault(thrown));
    } finally {
      running.delete(call);
      current.input.end();
    }
  }

  async function sendAll(call: number, values: AsyncIterable<unknown>, { gone, allowance }: Running): Promise<void> {
    const stop = () => allowance.close();
    gone.signal.addEventListener("abort", stop, { once: true });
    for await (const value of values) {
      if (gone.signal.aborted) return;
      const body = pack(value);
      if (!(await allowance.spend(body.length + ITEM_BYTES))) return;
      // In the lane of answers: credit bounds it, and the last word must not pass it.
      pipe()?.urgent({ kind: KIND.item, call, body });
    }
  }

  return {
    take({ kind, call, method, body, credit }) {
      if (kind === KIND.call) return void run(call, method, body);
      const current = running.get(call);
      if (current === undefined) return;
      if (kind === KIND.item) current.input.put(body);
      else if (kind === KIND.end) current.input.end();
      else if (kind === KIND.credit) current.allowance.add(credit);
      else if (kind === KIND.cancel) current.gone.abort(new Error("nobody waits for it any more"));
    },
    closed() {
      for (const { gone, input } of running.values()) {
        gone.abort(new Error("the connection is lost"));
        input.end();
      }
    },
  };
}

function tooMany(): NamedError {
  return new NamedError("LINK_BUSY", `Cannot answer: ${RUNNING_MAX} calls of this connection are not answered yet`, { statusCode: 429 });
}

function unknownMethod(method: string): NamedError {
  return new NamedError("LINK_METHOD_UNKNOWN", `Cannot answer ${JSON.stringify(method)}: this side of the node link does not know it`, {
    statusCode: 501,
    fix: "Run the same version on servers and nodes.",
  });
}

/** Sends an input as it comes and as the other side takes it; the returned function ends that. */
function pump(
  input: AsyncIterable<unknown>,
  allowance: Allowance,
  to: { readonly item: (body: Uint8Array) => Promise<void>; readonly end: () => void },
): () => void {
  const values = input[Symbol.asyncIterator]();
  let over = false;
  const run = async () => {
    for (let next = await values.next(); next.done !== true && !over; next = await values.next()) {
      const body = pack(next.value);
      if (!(await allowance.spend(body.length + ITEM_BYTES)) || over) return;
      await to.item(body);
    }
  };
  // An input that fails is one that ended: whoever gave it knows.
  void run()
    .catch(() => undefined)
    .then(() => {
      if (!over) to.end();
    });
  return () => {
    over = true;
    allowance.close();
    void values.return?.()?.catch(() => undefined);
  };
}

/** How much the other side will still take. */
class Allowance {
  #left = CREDIT_BYTES;
  #closed = false;
  #wake: () => void = () => undefined;

  add(bytes: number): void {
    this.#left += bytes;
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Waits until there is some left; false: it was closed. One caller at a time. */
  async spend(bytes: number): Promise<boolean> {
    while (this.#left <= 0 && !this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#left -= bytes;
    return !this.#closed;
  }
}

/** Values that came and are not taken yet; each that is taken is worth its bytes again. */
class Inbox {
  readonly #credit: (bytes: number) => void;
  #bodies: Uint8Array[] = [];
  #ended = false;
  #failure: Error | undefined;
  #used = 0;
  #waiting = 0;
  #wake: () => void = () => undefined;

  constructor(credit: (bytes: number) => void) {
    this.#credit = credit;
  }

  /** Throws LINK_FRAME_UNREADABLE for what was sent without credit: whoever does that is broken off. */
  put(body: Uint8Array): void {
    if (this.#ended) return;
    if (this.#waiting >= CREDIT_BYTES)
      throw new NamedError("LINK_FRAME_UNREADABLE", "more was sent than there was credit for", { statusCode: 400 });
    this.#waiting += body.length + ITEM_BYTES;
    this.#bodies.push(body);
    this.#wake();
  }

  /** What came before is still handed out. */
  end(failure?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#wake();
  }

  async *values(): AsyncGenerator<unknown, void, undefined> {
    while (true) {
      const body = this.#bodies.shift();
      if (body !== undefined) {
        this.#waiting -= body.length + ITEM_BYTES;
        yield unpack(body);
        this.#taken(body.length + ITEM_BYTES);
      } else if (this.#ended) {
        if (this.#failure !== undefined) throw this.#failure;
        return;
      } else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #taken(bytes: number): void {
    this.#used += bytes;
    if (this.#used < CREDIT_BYTES / 4 || this.#ended) return;
    this.#credit(this.#used);
    this.#used = 0;
  }
}
