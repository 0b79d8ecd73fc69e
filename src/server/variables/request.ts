/** What may be written, read strictly from what somebody sent: pure. NamedErrors of status 400; never with a value in them. nomad.md §3.2. */
import { VARIABLE_BYTES_MAX, variablePathProblem, type VariableLock } from "#model";
import { NamedError, parseDuration } from "#std";
import { badRequest } from "../errors.ts";

const SECOND_NS = 1e9;
const LOCK_MIN_NS = 10 * SECOND_NS;
const LOCK_MAX_NS = 24 * 3_600 * SECOND_NS;
/** Of the TTL and of the delay. */
const LOCK_DEFAULT_NS = 15 * SECOND_NS;

export type Items = Readonly<Record<string, string>>;

export function requirePath(path: string): void {
  const problem = variablePathProblem(path);
  if (problem === null) return;
  throw new NamedError("VARIABLE_PATH_INVALID", `Cannot use variable path ${JSON.stringify(path.slice(0, 200))}: ${problem}`, {
    statusCode: 400,
  });
}

export function requireOneNamespace(namespace: string): void {
  if (namespace === "*") throw badRequest('Cannot change variable: namespace is "*", wanted one namespace');
}

export function requireItems(items: Items): void {
  if (Object.keys(items).length === 0) throw badRequest("Cannot store variable: it has no items, wanted at least one in Items");
}

export function requireSize(items: Items): void {
  let bytes = 0;
  for (const [name, text] of Object.entries(items)) bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  if (Object.hasOwn(items, "")) throw badRequest("Cannot store variable: an item has no name");
  if (bytes <= VARIABLE_BYTES_MAX) return;
  throw badRequest(`Cannot store variable: its items have ${bytes} bytes, wanted at most ${VARIABLE_BYTES_MAX} (64 KiB)`);
}

/** "" stands for the default. Nanoseconds. */
export function lockTimes({ TTL, LockDelay }: Pick<VariableLock, "TTL" | "LockDelay">): {
  readonly TTL: number;
  readonly LockDelay: number;
} {
  return { TTL: lockTime("TTL", TTL, isTtl, "from 10s to 24h"), LockDelay: lockTime("LockDelay", LockDelay, isDelay, "of 0s or more") };
}

function isTtl(ns: number): boolean {
  return ns >= LOCK_MIN_NS && ns <= LOCK_MAX_NS;
}

/** Only the TTL has bounds: how long nobody may take a lost lock is for its users to say. */
function isDelay(ns: number): boolean {
  return ns >= 0;
}

/** Zero, written or not, stands for the default. */
function lockTime(name: string, text: string, fits: (ns: number) => boolean, wanted: string): number {
  const ns = text === "" ? 0 : parseDuration(text);
  if (ns === 0) return LOCK_DEFAULT_NS;
  if (ns !== undefined && fits(ns)) return ns;
  throw badRequest(`Cannot lock variable: ${name} is ${JSON.stringify(text.slice(0, 40))}, wanted a duration ${wanted}`);
}
