/**
 * A JSON answer as flat facts: `TaskGroups[0].Count` → 1. What says nothing (null, "", false, 0, [], {}) is left out: where one answer
 * has null and the other an empty list, a client reads the same.
 */
export type Fact = string | number | true;
export type Facts = Readonly<Record<string, Fact>>;
/** What an answer has beyond a base; null: what the base has and it has not. */
export type Beyond = Readonly<Record<string, Fact | null>>;

export function factsOf(value: unknown): Facts {
  const facts: Record<string, Fact> = {};
  gather(value, "", facts);
  return facts;
}

function gather(value: unknown, path: string, into: Record<string, Fact>): void {
  if (Array.isArray(value)) {
    value.forEach((each, index) => gather(each, `${path}[${index}]`, into));
  } else if (typeof value === "object" && value !== null) {
    for (const [key, each] of Object.entries(value)) gather(each, path === "" ? key : `${path}.${key}`, into);
  } else if (value !== "" && value !== 0 && value !== false && value !== null && value !== undefined) {
    into[path] = value as Fact;
  }
}

export function beyond(base: Facts, facts: Facts): Beyond {
  const paths = new Set([...Object.keys(base), ...Object.keys(facts)]);
  const changed = [...paths].filter((path) => base[path] !== facts[path]);
  return Object.fromEntries(changed.map((path) => [path, facts[path] ?? null]));
}

export function withBeyond(base: Facts, changes: Beyond): Facts {
  const all = Object.entries({ ...base, ...changes });
  return Object.fromEntries(all.filter((each): each is [string, Fact] => each[1] !== null));
}
