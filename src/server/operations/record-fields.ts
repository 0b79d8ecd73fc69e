/** A record as a client sent it (any JSON), read field by field; the first that is not what it should be is refused by name. */
import { parseDuration } from "#std";
import { badRequest } from "../errors.ts";

/** Go holds less than this, 292 years. */
const DURATION_END_NS = 2 ** 63;

export interface RecordFields {
  text(name: string): string;
  flag(name: string): boolean | null;
  texts(name: string): readonly string[];
  /** Nanoseconds, written as such or as a Go duration ("24h"). 0 when absent. */
  duration(name: string): number;
  /** `{}` when absent. Values that are no texts are refused. */
  textMap(name: string): Readonly<Record<string, string>>;
  /** null when absent. */
  block(name: string): RecordFields | null;
  /** Something this version does not know to honour must not be set: null, {} and [] count as not set. */
  unset(name: string, why: string): void;
}

/** Found whatever the case of its name, as Go's decoder does; the one that is spelled so goes first. undefined: there is none. */
export function fieldOf(fields: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(fields, name)) return fields[name];
  const lower = name.toLowerCase();
  const key = Object.keys(fields).find((each) => each.toLowerCase() === lower);
  return key === undefined ? undefined : fields[key];
}

/** `subject` starts what is refused: `Cannot store namespace "web"`. */
export function recordFields(value: unknown, subject: string, path = ""): RecordFields {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw badRequest(`${subject}: ${path === "" ? "it" : path} is not an object`);
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const at = (name: string): unknown => fieldOf(fields, name) ?? null;
  const wrong = (name: string, wanted: string): Error => badRequest(`${subject}: ${path}${name} is not ${wanted}`);
  return {
    text(name) {
      const found = at(name) ?? "";
      if (typeof found !== "string") throw wrong(name, "a text");
      return found;
    },
    flag(name) {
      const found = at(name);
      if (found !== null && typeof found !== "boolean") throw wrong(name, "true or false");
      return found;
    },
    texts(name) {
      const found = at(name) ?? [];
      if (!Array.isArray(found) || found.some((each) => typeof each !== "string")) throw wrong(name, "a list of texts");
      return found as string[];
    },
    duration(name) {
      const found = at(name) ?? "";
      const ns = found === "" ? 0 : typeof found === "string" ? parseDuration(found) : found;
      if (typeof ns !== "number" || !Number.isInteger(ns) || ns < 0 || ns >= DURATION_END_NS) throw wrong(name, 'a duration such as "24h"');
      return ns;
    },
    textMap(name) {
      const found = at(name) ?? {};
      if (typeof found !== "object" || Array.isArray(found) || Object.values(found).some((each) => typeof each !== "string")) {
        throw wrong(name, "a map of texts");
      }
      return { ...(found as Record<string, string>) };
    },
    block(name) {
      const found = at(name);
      return found === null ? null : recordFields(found, subject, `${path}${name}.`);
    },
    unset(name, why) {
      const found = at(name);
      const empty = found === null || found === "" || (typeof found === "object" && Object.keys(found).length === 0);
      if (!empty) throw badRequest(`${subject}: ${path}${name} is set: ${why}`);
    },
  };
}
