/**
 * Asks the servers over whatever connection there is: waits for one, asks again when it breaks or when they cannot answer now. What they
 * refuse is given to the caller.
 */
import type { Clock, LinkConnection, Random } from "#ports";
import { NamedError } from "#std";
import type { Servers } from "../contract.ts";

const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 5_000;

export class ConnectedServers implements Servers {
  readonly #clock: Clock;
  readonly #random: Random;
  #connection: LinkConnection | undefined;
  /** Who waits for another connection. Each lets go by itself: nothing gathers here while the servers are away. */
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A registered connection, or none. */
  use(connection: LinkConnection | undefined): void {
    this.#connection = connection;
    if (connection === undefined) return;
    for (const wake of this.#waiting) wake();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  signIdentities: Servers["signIdentities"] = (requests, signal) => this.#ask((servers) => servers.signIdentities(requests), signal);
  services: Servers["services"] = (signal) => this.#ask((servers) => servers.services(), signal);
  upsertServices: Servers["upsertServices"] = (services, signal) => this.#ask((servers) => servers.upsertServices(services), signal);
  deleteServices: Servers["deleteServices"] = (ids, signal) => this.#ask((servers) => servers.deleteServices(ids), signal);
  readVariable: Servers["readVariable"] = (question, signal) => this.#ask((servers) => servers.readVariable(question), signal);
  takeTurn: Servers["takeTurn"] = (id, signal) => this.#ask((servers) => servers.takeTurn(id), signal);
  giveTurnBack: Servers["giveTurnBack"] = (id, signal) => this.#ask((servers) => servers.giveTurnBack(id), signal);
  unseal: Servers["unseal"] = (id, signal) => this.#ask((servers) => servers.unseal(id), signal);

  async #ask<Answer>(question: (servers: LinkConnection) => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
    const gone = aborted(signal);
    try {
      for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
        signal.throwIfAborted();
        const connection = this.#connection;
        if (connection === undefined) {
          await this.#connected(gone.promise);
          continue;
        }
        try {
          return await Promise.race([question(connection), gone.promise]);
        } catch (thrown) {
          if (signal.aborted || isRefusal(thrown)) throw thrown;
        }
        // A new connection is as good a moment as any.
        await this.#connected(gone.promise, waitMs * (0.5 + this.#random.fraction()));
      }
    } finally {
      gone.release();
    }
  }

  /** Until there is another connection, or the time is over. */
  async #connected(gone: Promise<never>, mostMs?: number): Promise<void> {
    const turn = Promise.withResolvers<void>();
    const timer = mostMs === undefined ? undefined : this.#clock.after(mostMs, turn.resolve);
    this.#waiting.add(turn.resolve);
    try {
      await Promise.race([turn.promise, gone]);
    } finally {
      this.#waiting.delete(turn.resolve);
      timer?.cancel();
    }
  }
}

/** A server that answered, and will answer the same again. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof NamedError && thrown.code !== "LINK_REFUSED" && thrown.statusCode < 500;
}

/** A promise that rejects when the signal aborts; `release` lets go of the signal. */
function aborted(signal: AbortSignal): { readonly promise: Promise<never>; release(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const listener = () => reject(signal.reason as Error);
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
  return { promise, release: () => signal.removeEventListener("abort", listener) };
}
