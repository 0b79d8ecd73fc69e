/**
 * What lies where in Consul's KV, and the requests on it. Every request has a deadline, looks at every status, and never tries twice.
 *
 *   <prefix>/head                       who wrote last, and through which index (StoredHead, in the clear)
 *   <prefix>/lock                       held by the leader's session; the value is a SharedLeader, a Handover after who named the next one
 *   <prefix>/log/<segment>/<first>      a batch (envelope.ts), named by its first index
 *   <prefix>/parts/<first>-<id>/<n>     what did not fit into one transaction
 *   <prefix>/reports/<server id>        a ServerReport
 *
 * Reads whose answer decides something are `consistent`; tailing is not (consul-log.md 7, 10).
 */
import type { SharedHead, SharedLeader } from "#ports";
import { ConsulProblem, answerText } from "../problem.ts";
import type { Raw, RawAnswer, RawRequest } from "../raw.ts";

export interface StoredHead extends SharedHead {
  /** Random: of whatever wrote the head last. After a lost answer it says whether that was us. */
  readonly WriteId: string;
}

export interface HeadRead {
  readonly head: StoredHead | null;
  /** What compare-and-set compares; 0: no head. */
  readonly version: number;
}

export interface LockRead {
  /** "": nobody holds it. */
  readonly session: string;
  readonly leader: SharedLeader | undefined;
  /** While nobody holds it: the server that who held it last wants to lead next. */
  readonly successorId: string | undefined;
  readonly index: number;
}

/** The value of a lock that was given back to be taken by one server. */
interface Handover {
  readonly SuccessorId?: string;
}

/** done: the head's new version. refused: a condition did not hold (also when an earlier sending of the same was done). */
export type Written = { readonly done: number } | { readonly refused: string } | { readonly forbidden: string };

export interface Change {
  /** Only while it holds the lock; undefined: not asked. */
  readonly session?: string;
  /** Only if the head is still this version. */
  readonly head?: { readonly version: number; readonly next: StoredHead };
  readonly set?: { readonly key: string; readonly value: Uint8Array };
  /** Below the prefix. */
  readonly deleteTrees?: readonly string[];
}

export type Store = ReturnType<typeof storeOf>;

export const READ_MS = 2_000;
/** A transaction's values after base64 stay below Consul's 524,288 bytes (consul-log.md 13). */
export const VALUE_BYTES_MAX = 350 * 1024;
/** A transaction holds at most 128 operations. */
export const TREES_MAX = 100;
const SEGMENT_INDEXES = 256;
const DIGITS = 16;

const digits = (index: number): string => String(index).padStart(DIGITS, "0");
export const segmentOf = (index: number): number => Math.floor(index / SEGMENT_INDEXES);
const segmentName = (segment: number): string => `log/${digits(segment)}`;
export const batchKey = (first: number): string => `${segmentName(segmentOf(first))}/${digits(first)}`;
export const segmentTree = (segment: number): string => `${segmentName(segment)}/`;
export const partsId = (first: number, id: string): string => `${digits(first)}-${id}`;
export const partsTree = (id: string): string => `parts/${id}/`;

/** `heard` is called whenever Consul's servers answered. */
export function storeOf(raw: Raw, prefix: string, heard: () => void) {
  const encoded = (key: string): string => `${prefix}/${key}`.split("/").map(encodeURIComponent).join("/");
  const send = async (method: "GET" | "PUT" | "DELETE", path: string, request: RawRequest): Promise<RawAnswer> => {
    const answer = await raw(method, path, request);
    // A status from 500 on is the agent's, which reaches no leader.
    if (answer.status < 500) heard();
    return answer;
  };
  const kv = (method: "GET" | "PUT" | "DELETE", key: string, request: RawRequest): Promise<RawAnswer> =>
    send(method, `/kv/${encoded(key)}`, request);
  const failed = ({ status, body }: RawAnswer): ConsulProblem => new ConsulProblem(status, answerText(body));
  /** 404: null. */
  async function get(key: string, query: Readonly<Record<string, string>>, more: Partial<RawRequest> = {}): Promise<RawAnswer | null> {
    const answer = await kv("GET", key, { query, withinMs: READ_MS, ...more });
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw failed(answer);
    return answer;
  }

  return {
    prefix,
    send,
    async head(withinMs = READ_MS): Promise<HeadRead> {
      const [entry] = entriesOf(await get("head", { consistent: "" }, { withinMs }));
      return entry === undefined ? { head: null, version: 0 } : { head: JSON.parse(entry.text) as StoredHead, version: entry.ModifyIndex };
    },
    /** Never stale. */
    async lock(withinMs = READ_MS): Promise<LockRead> {
      return lockOf(await kv("GET", "lock", { query: { consistent: "" }, withinMs }));
    },
    /** Answers when it differs from what it was at `index`, or after `waitMs`. */
    async lockAfter(index: number, waitMs: number, signal: AbortSignal): Promise<LockRead> {
      const query = index === 0 ? {} : { index: String(index), wait: `${waitMs}ms` };
      return lockOf(await kv("GET", "lock", { query, withinMs: READ_MS + (index === 0 ? 0 : waitMs * 1.2), signal, waits: true }));
    },
    /** false: somebody else holds it, or the session is gone. */
    async acquire(session: string, leader: SharedLeader): Promise<boolean> {
      const answer = await kv("PUT", "lock", { query: { acquire: session }, body: JSON.stringify(leader), withinMs: READ_MS });
      if (answer.status === 200) return answer.body.toString().trim() === "true";
      if (/invalid session/i.test(answer.body.toString())) return false;
      throw failed(answer);
    },
    /** Frees the lock for one server. Nothing happens when the session does not hold it any more; the session lives on. */
    async release(session: string, successorId: string): Promise<void> {
      const body = JSON.stringify({ SuccessorId: successorId } satisfies Handover);
      const answer = await kv("PUT", "lock", { query: { release: session }, body, withinMs: READ_MS });
      if (answer.status !== 200) throw failed(answer);
    },
    /** One transaction. Rejects with ConsulProblem when it is not known what became of it (status 0, ≥ 500), or nothing did (429). */
    async write(change: Change, withinMs: number): Promise<Written> {
      const answer = await send("PUT", "/txn", { body: JSON.stringify(operationsOf(prefix, change)), withinMs });
      if (answer.status === 200) return { done: headVersionOf(answer.body, `${prefix}/head`) };
      const text = answerText(answer.body);
      if (answer.status === 409) return /permission denied|acl not found/i.test(text) ? { forbidden: text } : { refused: text };
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 429)
        return { forbidden: text || `Consul answered ${answer.status}` };
      throw failed(answer);
    },
    /** A batch's bytes; undefined: there is none. With `after`, waits until there is one. */
    async batch(
      first: number,
      signal: AbortSignal,
      after?: { readonly index: number; readonly waitMs: number },
    ): Promise<{ value?: Buffer; index: number }> {
      const waits = after !== undefined && after.index > 0;
      const query = { raw: "", ...(waits ? { index: String(after.index), wait: `${after.waitMs}ms` } : {}) };
      const withinMs = READ_MS + (waits ? after.waitMs * 1.2 : 0);
      const answer = await kv("GET", batchKey(first), { query, withinMs, signal, waits: after !== undefined });
      if (answer.status === 200) return { value: answer.body, index: answer.index };
      if (answer.status === 404) return { index: answer.index };
      throw failed(answer);
    },
    /** First indexes of the batches whose names lie in a segment, ascending. */
    async firsts(segment: number): Promise<readonly number[]> {
      return namesOf(await get(segmentTree(segment), { keys: "" }))
        .map((name) => Number(name.slice(-DIGITS)))
        .toSorted((a, b) => a - b);
    },
    async segments(): Promise<readonly number[]> {
      return namesOf(await get("log/", { keys: "", separator: "/" }))
        .map((name) => Number(name.slice(0, -1).split("/").at(-1)))
        .toSorted((a, b) => a - b);
    },
    async partsFolders(): Promise<readonly string[]> {
      return namesOf(await get("parts/", { keys: "", separator: "/" })).map((name) => name.slice(0, -1).split("/").at(-1) ?? "");
    },
    async putPart(id: string, n: number, bytes: Uint8Array): Promise<void> {
      const answer = await kv("PUT", `${partsTree(id)}${n}`, { body: bytes, withinMs: READ_MS });
      if (answer.status !== 200 || answer.body.toString().trim() !== "true") throw failed(answer);
    },
    async part(id: string, n: number): Promise<Buffer | undefined> {
      return (await get(`${partsTree(id)}${n}`, { raw: "" }))?.body;
    },
    async put(key: string, body: string): Promise<void> {
      const answer = await kv("PUT", key, { body, withinMs: READ_MS });
      if (answer.status !== 200) throw failed(answer);
    },
    async remove(key: string): Promise<void> {
      const answer = await kv("DELETE", key, { withinMs: READ_MS });
      if (answer.status !== 200) throw failed(answer);
    },
    async texts(tree: string): Promise<readonly string[]> {
      return entriesOf(await get(tree, { recurse: "" })).map(({ text }) => text);
    },
  };
}

interface Entry {
  readonly ModifyIndex: number;
  readonly Session: string;
  readonly text: string;
}

function entriesOf(answer: RawAnswer | null): readonly Entry[] {
  if (answer === null) return [];
  const found = JSON.parse(answer.body.toString()) as readonly { ModifyIndex: number; Session?: string; Value: string | null }[];
  return found.map(({ ModifyIndex, Session = "", Value }) => ({
    ModifyIndex,
    Session,
    text: Buffer.from(Value ?? "", "base64").toString(),
  }));
}

function namesOf(answer: RawAnswer | null): readonly string[] {
  return answer === null ? [] : (JSON.parse(answer.body.toString()) as readonly string[]);
}

function lockOf(answer: RawAnswer): LockRead {
  if (answer.status === 404) return { session: "", leader: undefined, successorId: undefined, index: answer.index };
  if (answer.status !== 200) throw new ConsulProblem(answer.status, answerText(answer.body));
  const [entry] = entriesOf(answer);
  const session = entry?.Session ?? "";
  const value = entry === undefined ? undefined : (JSON.parse(entry.text) as SharedLeader & Handover);
  // The value stays when the session goes: without one it says nothing of who leads.
  return {
    session,
    leader: session === "" ? undefined : value,
    successorId: session === "" ? value?.SuccessorId : undefined,
    index: answer.index,
  };
}

function operationsOf(prefix: string, { session, head, set, deleteTrees = [] }: Change): readonly unknown[] {
  const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes as Uint8Array).toString("base64");
  return [
    ...(session === undefined ? [] : [{ KV: { Verb: "check-session", Key: `${prefix}/lock`, Session: session } }]),
    ...(head === undefined
      ? []
      : [{ KV: { Verb: "cas", Key: `${prefix}/head`, Index: head.version, Value: base64(JSON.stringify(head.next)) } }]),
    ...(set === undefined ? [] : [{ KV: { Verb: "set", Key: `${prefix}/${set.key}`, Value: base64(set.value) } }]),
    ...deleteTrees.map((tree) => ({ KV: { Verb: "delete-tree", Key: `${prefix}/${tree}` } })),
  ];
}

function headVersionOf(body: Buffer, key: string): number {
  const { Results } = JSON.parse(body.toString()) as { Results: readonly { KV?: { Key: string; ModifyIndex: number } }[] | null };
  return Results?.find(({ KV }) => KV?.Key === key)?.KV?.ModifyIndex ?? 0;
}
