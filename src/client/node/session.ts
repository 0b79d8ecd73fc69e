/**
 * The node's connection to the servers, kept up for as long as the agent lives.
 *
 *   connect ─► register ─► heartbeat … (well before each TTL) ─► lost ─► wait, longer each time, with jitter ─► connect
 *
 * Losing it stops nothing: tasks run on, updates wait.
 */
import type { Node } from "#model";
import type { Clock, HeartbeatAnswer, Link, LinkConnection, NodeEnd, Random } from "#ports";
import { messageOf, NamedError } from "#std";
import type { Report } from "../world.ts";

const RECONNECT_FIRST_MS = 250;
const RECONNECT_MAX_MS = 15_000;

export interface SessionNeeds {
  readonly link: Link;
  readonly end: NodeEnd;
  readonly node: () => Node;
  /** Shown to servers that do not know the node yet; "": none. A secret. */
  readonly introductionToken?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** A registered connection, or none. */
  readonly connected: (connection: LinkConnection | undefined) => void;
  /** A server has answered. */
  readonly heard: () => void;
}

export class Session {
  readonly #needs: SessionNeeds;
  #connection: LinkConnection | undefined;
  #closed = false;
  #wake = Promise.withResolvers<void>();
  #lost: string | undefined;
  #registerWanted = false;
  /** Somebody told where servers are: what was learnt of waiting is no longer true. */
  #serversChanged = false;

  constructor(needs: SessionNeeds) {
    this.#needs = needs;
  }

  start(): void {
    void this.#run();
  }

  /** The node's description changed. */
  registerAgain(): void {
    this.#registerWanted = true;
    this.#nudge();
  }

  /** Other servers may be tried now: whoever waits to try again waits no longer. A connection that stands is kept. */
  serversChanged(): void {
    if (this.#connection !== undefined) return;
    this.#serversChanged = true;
    this.#nudge();
  }

  close(): void {
    this.#closed = true;
    this.#nudge();
    this.#connection?.close();
  }

  async #run(): Promise<void> {
    let backoffMs = RECONNECT_FIRST_MS;
    while (!this.#closed) {
      const startedMs = this.#needs.clock.nowMs();
      try {
        await this.#live();
      } catch (thrown) {
        const fix = thrown instanceof NamedError ? thrown.fix : undefined;
        const fields = { problem: messageOf(thrown), ...(fix === undefined ? {} : { fix }) };
        this.#needs.report({ level: "warn", message: "servers cannot be reached, trying again", fields });
      }
      this.#needs.connected(undefined);
      this.#connection?.close();
      this.#connection = undefined;
      if (this.#closed) return;
      // A connection that held for a while was a good one: start over with short waits.
      if (this.#needs.clock.nowMs() - startedMs > RECONNECT_MAX_MS) backoffMs = RECONNECT_FIRST_MS;
      if (!this.#serversChanged) await this.#sleep(backoffMs * (0.5 + this.#needs.random.fraction()));
      backoffMs = this.#serversChanged ? RECONNECT_FIRST_MS : Math.min(backoffMs * 2, RECONNECT_MAX_MS);
      this.#serversChanged = false;
    }
  }

  /** One connection from its first to its last moment. */
  async #live(): Promise<void> {
    const { link, end, node, clock, random } = this.#needs;
    this.#lost = undefined;
    const { ID, SecretID } = node();
    const connection = await link.connect({ ID, SecretID }, end, (reason) => {
      this.#lost = reason;
      this.#nudge();
    });
    this.#connection = connection;
    this.#serversChanged = false;
    if (this.#closed) return;
    this.#registerWanted = false;
    let { HeartbeatTtlMs: ttlMs } = await this.#register(connection);
    this.#needs.heard();
    this.#needs.connected(connection);
    let nextMs = clock.nowMs() + spread(ttlMs, random);
    while (!this.#closed && this.#lost === undefined) {
      if (this.#registerWanted) {
        this.#registerWanted = false;
        ({ HeartbeatTtlMs: ttlMs } = await this.#register(connection));
        this.#needs.heard();
        nextMs = clock.nowMs() + spread(ttlMs, random);
      }
      const restMs = nextMs - clock.nowMs();
      if (restMs > 0) {
        await this.#sleep(restMs);
        continue;
      }
      ({ HeartbeatTtlMs: ttlMs } = await connection.heartbeat());
      this.#needs.heard();
      nextMs = clock.nowMs() + spread(ttlMs, random);
    }
    if (!this.#closed) throw new Error(this.#lost ?? "the connection ended");
  }

  #register(connection: LinkConnection): Promise<HeartbeatAnswer> {
    const { node, introductionToken = "" } = this.#needs;
    return introductionToken === "" ? connection.register(node()) : connection.register(node(), introductionToken);
  }

  async #sleep(delayMs: number): Promise<void> {
    const timed = Promise.withResolvers<void>();
    const timer = this.#needs.clock.after(delayMs, timed.resolve);
    await Promise.race([timed.promise, this.#wake.promise]);
    timer.cancel();
  }

  #nudge(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** Half to three quarters of the TTL: in time although a message is late, and not all nodes at once. */
function spread(ttlMs: number, random: Random): number {
  return ttlMs * (0.5 + random.fraction() / 4);
}
