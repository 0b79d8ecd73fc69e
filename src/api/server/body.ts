/** The request's body: read within a limit, then decoded as JSON with a reason for everything that is wrong with it. */
import type { Readable } from "node:stream";
import { messageOf, parseDuration, NamedError } from "#std";
import { badRequest } from "./refusal.ts";

/** A job that needs more than this is a mistake; what is larger is refused before any of it is decoded. */
export const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** So much of a body that is too large is read and dropped, so that its sender gets to read the answer. */
const DISCARD_BYTES_MAX = 64 * 1024 * 1024;
const NESTING_MAX = 200;

/** Rejects with 413 beyond BODY_BYTES_MAX. */
export async function readBody(stream: Readable, declared: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      size += (chunk as Buffer).length;
      if (size <= BODY_BYTES_MAX && !(declared > BODY_BYTES_MAX)) parts.push(chunk as Buffer);
      else parts.length = 0;
      if (size > DISCARD_BYTES_MAX) break;
    }
  } catch {
    // Nobody reads this; it is no fault of ours.
    throw badRequest("Cannot read request body: the client has gone before its end");
  }
  if (size > BODY_BYTES_MAX) {
    const length = size > DISCARD_BYTES_MAX ? `more than ${DISCARD_BYTES_MAX}` : String(size);
    throw new NamedError("API_BODY_TOO_LARGE", `Cannot read request body: it has ${length} bytes, at most ${BODY_BYTES_MAX} are taken`, {
      statusCode: 413,
    });
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** A decoded JSON object and how to take fields of it. Keys are found whatever their case, as Go's decoder does. */
export class Body {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields;
  }

  /** undefined for absent and null. */
  value(name: string): unknown {
    if (Object.hasOwn(this.#fields, name)) return this.#fields[name] ?? undefined;
    const lower = name.toLowerCase();
    const key = Object.keys(this.#fields).find((each) => each.toLowerCase() === lower);
    return key === undefined ? undefined : (this.#fields[key] ?? undefined);
  }

  get fields(): Readonly<Record<string, unknown>> {
    return this.#fields;
  }

  text(name: string): string {
    return this.#typed(name, "string", "a string", "");
  }

  flag(name: string): boolean {
    return this.#typed(name, "boolean", "a boolean", false);
  }

  whole(name: string): number {
    const value = this.#typed(name, "number", "a whole number", 0);
    if (!Number.isSafeInteger(value)) throw badRequest(`Cannot read request body: field "${name}" is ${value}, wanted a whole number`);
    return value;
  }

  /** A duration: those over 104 days are no exact numbers any more, which nobody can tell from their nanoseconds. */
  nanoseconds(name: string): number {
    const value = this.#typed(name, "number", "nanoseconds", 0);
    if (!Number.isInteger(value)) throw badRequest(`Cannot read request body: field "${name}" is ${value}, wanted whole nanoseconds`);
    return value;
  }

  /** Nanoseconds, from a number of them or from text as Go writes it ("10s"). 0 for absent and null. */
  durationNs(name: string): number {
    const value = this.value(name);
    if (typeof value !== "string") return this.nanoseconds(name);
    const ns = parseDuration(value);
    if (ns === undefined)
      throw badRequest(`Cannot read request body: field "${name}" is ${JSON.stringify(value.slice(0, 80))}, wanted a duration like "10s"`);
    return ns;
  }

  /** undefined for absent and null. */
  maybeWhole(name: string): number | undefined {
    return this.value(name) === undefined ? undefined : this.whole(name);
  }

  /** [] for absent and null. */
  texts(name: string): readonly string[] {
    const value = this.value(name);
    if (value === undefined) return [];
    if (!Array.isArray(value) || !value.every((one) => typeof one === "string")) {
      throw badRequest(`Cannot read request body: field "${name}" is ${nameOf(value)}, wanted a list of strings`);
    }
    return value;
  }

  /** {} for absent and null. */
  textMap(name: string): Readonly<Record<string, string>> {
    const fields = this.object(name)?.fields ?? {};
    const wrong = Object.keys(fields).find((key) => typeof fields[key] !== "string");
    if (wrong !== undefined) {
      throw badRequest(`Cannot read request body: field "${name}.${wrong}" is ${nameOf(fields[wrong])}, wanted a string`);
    }
    return fields as Readonly<Record<string, string>>;
  }

  object(name: string): Body | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (!isObject(value)) throw badRequest(`Cannot read request body: field "${name}" is ${nameOf(value)}, wanted an object`);
    return new Body(value);
  }

  #typed<T>(name: string, type: string, wanted: string, fallback: T): T {
    const value = this.value(name);
    if (value === undefined) return fallback;
    // oxlint-disable-next-line valid-typeof
    if (typeof value !== type) throw badRequest(`Cannot read request body: field "${name}" is ${nameOf(value)}, wanted ${wanted}`);
    return value as T;
  }
}

/** Throws 400. An empty body is an empty object where `optional`. */
export function decodeBody(bytes: Buffer | undefined, optional: boolean): Body {
  if (bytes === undefined || bytes.length === 0) {
    if (optional) return new Body({});
    throw badRequest("Cannot read request body: it is empty, wanted a JSON object");
  }
  const value = decodeJson(bytes);
  if (value === null && optional) return new Body({});
  if (!isObject(value)) throw badRequest(`Cannot read request body: it is ${nameOf(value)}, wanted a JSON object`);
  return new Body(value);
}

function decodeJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badRequest("Cannot read request body: it is not UTF-8 text, wanted a JSON object");
  }
  if (nestingOver(text, NESTING_MAX)) throw badRequest(`Cannot read request body: it is nested more than ${NESTING_MAX} deep`);
  if (/"(?:_|\\u005f){2}proto(?:_|\\u005f){2}"\s*:/i.test(text))
    throw badRequest('Cannot read request body: the key "__proto__" is not allowed');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`Cannot read request body: ${printable(messageOf(error))}`);
  }
}

/** Brackets outside strings, deeper than `limit`? One pass, no recursion. */
function nestingOver(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (inString) {
      if (character === 0x5c) at++;
      else if (character === 0x22) inString = false;
    } else if (character === 0x22) inString = true;
    else if (character === 0x7b || character === 0x5b) {
      if (++depth > limit) return true;
    } else if (character === 0x7d || character === 0x5d) depth--;
  }
  return false;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, "?").slice(0, 300);
}
