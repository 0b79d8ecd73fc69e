/** One token as the node remembers it on its disk (in a directory only the agent may enter): a fact of its own, so that writing one is cheap. */
import type { AllocationId, IdentityRequest } from "#model";
import type { ClientStore } from "#ports";

export interface TokenRecord {
  readonly request: IdentityRequest;
  readonly accessor: string;
  /** A secret. */
  readonly secret: string;
  /** Unix milliseconds; null: until it is given back. */
  readonly expiresAtMs: number | null;
  readonly mintedAtMs: number;
  /** It may be asked to live longer. Absent in what older agents stored. */
  readonly renewable?: boolean;
  /** How long it was to live when it was made; null: for ever. */
  readonly lifeMs?: number | null;
  /** When it last was; its life counts from here. */
  readonly renewedAtMs?: number;
  /**
   * held: what the workload uses · old: replaced, but still in some variable of the running task, so kept until the allocation is over
   * returning: to be given back, as soon as that is possible
   */
  readonly state: "held" | "old" | "returning";
}

/** A part of the node's memory that only the agent can read. */
export type TokenStore = Pick<ClientStore, "facts" | "saveFact" | "removeFact">;

/** Where the records of one book lie. */
export class TokenShelf {
  readonly #store: TokenStore;
  readonly #prefix: string;

  constructor(store: TokenStore, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  read(): readonly TokenRecord[] {
    return [...this.#store.facts(this.#prefix).values()] as TokenRecord[];
  }

  write(record: TokenRecord): void {
    this.#store.saveFact(this.#prefix + record.accessor, record);
  }

  erase(record: TokenRecord): void {
    this.#store.removeFact(this.#prefix + record.accessor);
  }
}

export function allocationOf(record: TokenRecord): AllocationId {
  return record.request.AllocationID;
}

type Span = Pick<TokenRecord, "mintedAtMs" | "renewedAtMs" | "expiresAtMs">;

/** Two thirds of its life. null: never. */
export function replaceAtMs({ mintedAtMs, renewedAtMs = mintedAtMs, expiresAtMs }: Span): number | null {
  return expiresAtMs === null ? null : renewedAtMs + Math.max(1000, ((expiresAtMs - renewedAtMs) * 2) / 3);
}

/** As an agent finds it after a restart: what was written down at a time that is still to come was so by a clock that was ahead, its end too. */
export function inTime(record: TokenRecord, nowMs: number): TokenRecord {
  const { mintedAtMs, renewedAtMs = mintedAtMs, expiresAtMs } = record;
  const aheadMs = renewedAtMs - nowMs;
  if (aheadMs <= 0) return record;
  return {
    ...record,
    mintedAtMs: mintedAtMs - aheadMs,
    renewedAtMs: nowMs,
    expiresAtMs: expiresAtMs === null ? null : expiresAtMs - aheadMs,
  };
}

/**
 * Just renewed, and yet it ends sooner than half of what it was given at first: its longest life is near.
 */
export function isSpent(record: Span & Pick<TokenRecord, "lifeMs" | "renewable">): boolean {
  const { mintedAtMs, renewedAtMs = mintedAtMs, expiresAtMs, lifeMs } = record;
  return expiresAtMs !== null && (record.renewable !== true || expiresAtMs - renewedAtMs < (lifeMs ?? 0) / 2);
}

export function isOut({ expiresAtMs }: Pick<TokenRecord, "expiresAtMs">, nowMs: number): boolean {
  return expiresAtMs !== null && nowMs >= expiresAtMs;
}
