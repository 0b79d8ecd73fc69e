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
  /**
   * held: what the workload uses · old: replaced, but still in some variable of the running task, so kept until the allocation is over
   * returning: to be given back, as soon as that is possible
   */
  readonly state: "held" | "old" | "returning";
}

const PREFIX = "consul-token/";

export function readRecords(store: ClientStore): readonly TokenRecord[] {
  return [...store.facts(PREFIX).values()] as TokenRecord[];
}

export function writeRecord(store: ClientStore, record: TokenRecord): void {
  store.saveFact(PREFIX + record.accessor, record);
}

export function eraseRecord(store: ClientStore, record: TokenRecord): void {
  store.removeFact(PREFIX + record.accessor);
}

export function allocationOf(record: TokenRecord): AllocationId {
  return record.request.AllocationID;
}

/** Two thirds of its life. null: never. */
export function replaceAtMs({ mintedAtMs, expiresAtMs }: Pick<TokenRecord, "mintedAtMs" | "expiresAtMs">): number | null {
  return expiresAtMs === null ? null : mintedAtMs + Math.max(1000, ((expiresAtMs - mintedAtMs) * 2) / 3);
}

export function isOut({ expiresAtMs }: Pick<TokenRecord, "expiresAtMs">, nowMs: number): boolean {
  return expiresAtMs !== null && nowMs >= expiresAtMs;
}
