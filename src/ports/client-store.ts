/**
 * What a node remembers of its own: who it is, what the servers last told it, how far it got. Maker: `hostClientStore`
 * (integrations/host).
 *
 * Contract (test/conformance/client-store):
 * - Calls are synchronous and take microseconds: a step is stored before it is performed, and nothing happens in between.
 * - What a call wrote is there after kill -9 at any moment after it returned, whole; a call cut short changes nothing.
 *   After a power loss the newest calls may be missing, never half there.
 * - The identity survives the loss of everything else.
 * - A file that cannot be read is moved aside, and the node starts with an empty memory (`lost` says why): what runs on the
 *   machine is found by its labels.
 */
import type { Allocation, AllocationId, NodeId } from "#model";

export interface StoredIdentity {
  readonly ID: NodeId;
  readonly SecretID: string;
}

export interface StoredAllocation {
  readonly allocation: Allocation;
  /** The client's own JSON; undefined when none was stored yet. */
  readonly progress: unknown;
}

export interface ClientStore {
  /** Why an earlier memory was put aside when this one was opened; undefined: it was not. */
  readonly lost: string | undefined;
  identity(): StoredIdentity | undefined;
  saveIdentity(identity: StoredIdentity): void;
  /** Small facts by name; undefined when never stored. */
  fact(name: string): unknown;
  saveFact(name: string, value: unknown): void;
  /** Those whose names begin so, by name. */
  facts(prefix: string): ReadonlyMap<string, unknown>;
  /** Unknown names are fine. */
  removeFact(name: string): void;
  allocations(): readonly StoredAllocation[];
  /** Keeps the progress that is there. */
  saveAllocation(allocation: Allocation): void;
  /** The allocation must be stored. */
  saveProgress(id: AllocationId, progress: unknown): void;
  /** Unknown ids are fine. */
  removeAllocation(id: AllocationId): void;
  close(): void;
}
