/**
 * Is what lasts (a stream, a command) still allowed? Asked again when access control changes, when the token's time is over, and now and then: an
 * agent without a server hears of no change. Only a refusal ends it: a server that cannot be asked just now does not.
 */
import type { Grant } from "#access";
import type { Timer } from "#ports";
import { NamedError } from "#std";
import type { Context } from "../call.ts";

export interface Watched {
  /** Aborts with the refusal. */
  readonly lost: AbortSignal;
  end(): void;
}

const EVERY_MS = 5000;
/** Where every change is heard of. */
const EVERY_KNOWING_MS = 60_000;

/** `ask` resolves with what the one who asked may now, or rejects as it would be refused. */
export function watchRights(granted: Grant, context: Pick<Context, "cluster" | "clock">, ask: () => Promise<Grant>): Watched {
  const lost = new AbortController();
  const state = context.cluster?.state;
  let grant = granted;
  let timer: Timer | undefined;
  let over = false;

  async function look(): Promise<void> {
    if (over) return;
    try {
      grant = await ask();
    } catch (error) {
      if (error instanceof NamedError && error.statusCode === 403) return lose(error);
    }
    arm();
  }
  function arm(): void {
    timer?.cancel();
    if (over) return;
    const everyMs = state === undefined ? EVERY_MS : EVERY_KNOWING_MS;
    const leftMs = Math.max(0, (grant.ExpiresAtMs ?? Infinity) - context.clock.nowMs()) + 1;
    timer = context.clock.after(Math.min(everyMs, leftMs), () => void look());
  }
  function lose(refusal: NamedError): void {
    if (over) return;
    end();
    lost.abort(refusal);
  }
  function end(): void {
    over = true;
    timer?.cancel();
    unsubscribe?.();
  }
  const changes = (type: string) => type.startsWith("acl-") || type === "restore-commit";
  const unsubscribe = state?.watch.subscribe(({ command }) => void (changes(command.type) && queueMicrotask(() => void look())));
  // It may have been taken since it was judged.
  void look();
  return { lost: lost.signal, end };
}

/** The same, until the right is lost: then it breaks off with the refusal. */
export async function* whileAllowed<T>(chunks: AsyncIterable<T>, watched: Watched): AsyncGenerator<T> {
  const source = chunks[Symbol.asyncIterator]();
  let breakOff: (refusal: unknown) => void = () => undefined;
  const lose = () => breakOff(watched.lost.reason);
  watched.lost.addEventListener("abort", lose, { once: true });
  try {
    for (;;) {
      watched.lost.throwIfAborted();
      // Another one each time: one that lasts as long as the stream would keep something of every race it was in.
      const lost = Promise.withResolvers<never>();
      breakOff = lost.reject;
      const next = await Promise.race([source.next(), lost.promise]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    watched.lost.removeEventListener("abort", lose);
    watched.end();
    // Not waited for: what still reads is told by the request's own signal.
    Promise.resolve(source.return?.()).catch(() => undefined);
  }
}
