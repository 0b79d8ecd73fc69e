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
  #connected = Promise.withResolvers<void>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A registered connection, or none. */
  use(connection: LinkConnection | undefined): void {
    this.#connection = connection;
    if (connection === undefined) return;
    this.#connected.resolve();
    this.#connected = Promise.withResolvers<void>();
  }

  signIdentities: Servers["signIdentities"] = (requests, signal) => this.#ask((servers) => servers.signIdentities(requests), signal);
  services: Servers["services"] = (signal) => this.#ask((servers) => servers.services(), signal);
  upsertServices: Servers["upsertServices"] = (services, signal) => this.#ask((servers) => servers.upsertServices(services), signal);
  deleteServices: Servers["deleteServices"] = (ids, signal) => this.#ask((servers) => servers.deleteServices(ids), signal);

  async #ask<Answer>(question: (servers: LinkConnection) => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
    const gone = aborted(signal);
    try {
      for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
        signal.throwIfAborted();
        const connection = this.#connection;
        if (connection === undefined) {
          await Promise.race([this.#connected.promise, gone.promise]);
          continue;
        }
        try {
          return await Promise.race([question(connection), gone.promise]);
        } catch (thrown) {
          if (signal.aborted || isRefusal(thrown)) throw thrown;
        }
        const timed = Promise.withResolvers<void>();
        const timer = this.#clock.after(waitMs * (0.5 + this.#random.fraction()), timed.resolve);
        // A new connection is as good a moment as any.
        await Promise.race([timed.promise, this.#connected.promise, gone.promise]).finally(() => timer.cancel());
      }
    } finally {
      gone.release();
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
