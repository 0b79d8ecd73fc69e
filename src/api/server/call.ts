/** One request as a handler sees it, and what a handler may answer. Handlers decide; reply/ performs. */
import type { Readable } from "node:stream";
import type { Grant } from "#access";
import type { Snapshot } from "#state";
import type { Method } from "../contract/mod.ts";
import type { Body } from "./body.ts";
import type { Query } from "./query.ts";
import type { ApiOptions } from "./facts.ts";
import type { CreationOrders } from "./listing/creation-order.ts";
import type { Texts } from "./texts.ts";

export interface Call {
  /** HEAD counts as GET, POST as PUT. */
  readonly method: Method;
  readonly path: string;
  /** Decoded once. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Query;
  /** X-Nomad-Token, or what is behind "Bearer"; "" for none. A secret. */
  readonly token: string;
  /** ?namespace, "default" when absent. "*": all. */
  readonly namespace: string;
  /** ?stale: whatever this server knows will do. */
  readonly stale: boolean;
  /** What the one who asks may do; everything where there is no access control. guard/admit.ts has seen to what the endpoint needs. */
  readonly grant: Grant;
  /** Asks again whether it may be answered, of a request that has waited. Rejects when not any more. */
  renew(): Promise<void>;
  /** The decoded body; throws 400. `optional`: none counts as {}. */
  body(optional?: boolean): Body;
  /** The body as it came. */
  bytes(): Buffer;
  /** The body as it comes, of an endpoint that takes large ones; it was not read before the access was granted. */
  upload(): Readable;
  /** Aborts when the client has gone or the API closes. */
  readonly signal: AbortSignal;
}

/** What the reply's headers say besides. */
export interface Meta {
  /** X-Nomad-Index; left out when undefined. */
  readonly index?: number;
  readonly nextToken?: string;
  readonly status?: number;
}

export type Result =
  | { readonly kind: "value"; readonly value: unknown; readonly meta: Meta }
  /** A JSON array, written in slices. `key`: equal keys mean equal text; the text may be kept for the next one who asks. */
  | {
      readonly kind: "list";
      readonly items: readonly unknown[];
      readonly text: (item: never) => string;
      readonly key?: string;
      readonly meta: Meta;
    }
  /** One JSON object, already text. */
  | { readonly kind: "json"; readonly text: string; readonly meta: Meta }
  | { readonly kind: "text"; readonly text: string; readonly contentType?: string; readonly meta: Meta }
  | { readonly kind: "empty"; readonly meta: Meta }
  /** Never packed again. */
  | {
      readonly kind: "bytes";
      readonly bytes: Uint8Array;
      readonly contentType: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly meta: Meta;
    }
  /** `tooSlow`: who does not take it is told this last, and let go; without it is waited for. */
  | {
      readonly kind: "stream";
      readonly contentType: string;
      readonly chunks: AsyncIterable<string | Uint8Array>;
      readonly tooSlow?: () => string;
    };

export function value(of: unknown, meta: Meta = {}): Result {
  return { kind: "value", value: of, meta };
}
export function list<T>(items: readonly T[], text: (item: T) => string, meta: Meta, key?: string): Result {
  return { kind: "list", items, text: text as (item: never) => string, meta, ...(key === undefined ? {} : { key }) };
}
export function json(text: string, meta: Meta = {}): Result {
  return { kind: "json", text, meta };
}
export function empty(meta: Meta = {}): Result {
  return { kind: "empty", meta };
}

/** What every handler is given. */
export interface Context extends ApiOptions {
  readonly texts: Texts;
  /** Tables that only grow, in their order. */
  readonly orders: CreationOrders;
}

export type Handler = (call: Call, context: Context) => Result | Promise<Result>;
/** By method; a method an endpoint does not list is never called. */
export type Handlers = Partial<Readonly<Record<Method, Handler>>>;

/** What a read found in a snapshot: the index to compare with ?index, and how to answer once it is new enough. */
export interface Found {
  readonly index: number;
  answer(): Result | Promise<Result>;
}
export type Read = (snapshot: Snapshot, call: Call, context: Context) => Found;
