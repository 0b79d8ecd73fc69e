/** What may be done with variables: the API's, and the nodes' for their tasks. */
import type { NodeId, SealedVariable, Variable, VariableMetadata } from "#model";
import type { VariableAnswer, VariableQuestion } from "#ports";
import type { Asked, Asker } from "./rights.ts";

export interface VariablePlace {
  readonly Namespace: string;
  readonly Path: string;
}

/** As somebody sends it; Lock "" where nothing is said. */
export interface VariableRequest extends VariablePlace {
  readonly Items: Readonly<Record<string, string>>;
  readonly Lock: { readonly ID: string; readonly TTL: string; readonly LockDelay: string };
}

/** What it has become; or, with status 409, what stands in the way: `Items` null where the one who asks may not read them. */
export type VariableWritten =
  | { readonly ok: true; readonly Index: number; readonly Variable: Variable }
  | { readonly ok: false; readonly Index: number; readonly Conflict: VariableConflict };

export type VariableConflict = VariableMetadata & { readonly Items: Readonly<Record<string, string>> | null };

export interface Variables {
  /** Who sends this token ("": nobody in particular). Rejects with VARIABLE_DENIED (403) for an identity that is not believed. */
  asker(token: string): Promise<Asker>;
  /** Throws VARIABLE_DENIED (403): whose identity, which path, what it may read. */
  require(asker: Asker, asked: Asked): void;
  may(asker: Asker, asked: Asked): boolean;
  /** What is told of it to who may list it. */
  metadata(sealed: SealedVariable): VariableMetadata;
  /** What is sealed in it. Rejects with KEY_MISSING, KEY_DAMAGED or VARIABLE_UNREADABLE. */
  open(sealed: SealedVariable): Promise<Variable>;
  /** `checkIndex` 0: must not exist. null: no check. */
  put(asker: Asker, request: VariableRequest, checkIndex: number | null): Promise<VariableWritten>;
  delete(
    asker: Asker,
    place: VariablePlace,
    options: { readonly checkIndex: number | null; readonly lockId: string },
  ): Promise<{ readonly ok: true; readonly Index: number } | Extract<VariableWritten, { readonly ok: false }>>;
  /** The answer's Lock has its ID. Items, when there are any, replace those that are there. */
  acquire(asker: Asker, request: VariableRequest): Promise<VariableWritten>;
  renew(asker: Asker, request: VariableRequest): Promise<VariableWritten>;
  release(asker: Asker, request: VariableRequest): Promise<VariableWritten>;
  /** LinkConnection.readVariable, for a node that has proved who it is. */
  readVariable(nodeId: NodeId, question: VariableQuestion): Promise<VariableAnswer>;
}
