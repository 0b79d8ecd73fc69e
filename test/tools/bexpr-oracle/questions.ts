/** Drawn filter expressions over drawn objects, and what our own filter says of them. */
import * as fc from "fast-check";
import { compileFilter } from "#std";

export interface Question {
  readonly datum: object;
  readonly expression: string;
}
export interface OracleAnswer {
  readonly value?: boolean;
  readonly error?: string;
}

const word = fc.constantFrom("a", "b", "web", "dc1", "dc2", "red", "blue", "x-1", "team", "true", "1", "50");
const text = fc.oneof(word, fc.constantFrom("", "a b", "ü", "A", "web-1", "a.b", "[", "0"));
const number = fc.integer({ min: 0, max: 3 }).map((each) => [0, 1, 50, 100][each] as number);

const group = fc.record({ Name: text, Count: number, Meta: fc.dictionary(word, text, { maxKeys: 2 }) });
const datum = fc.record({
  ID: text,
  Type: fc.constantFrom("service", "batch"),
  Priority: number,
  Version: number,
  Stop: fc.boolean(),
  Weight: fc.constantFrom(0, 0.5, 1, 50),
  Meta: fc.dictionary(word, text, { maxKeys: 3 }),
  Counts: fc.dictionary(word, number, { maxKeys: 3 }),
  Datacenters: fc.array(word, { maxLength: 3 }),
  Numbers: fc.array(number, { maxLength: 3 }),
  TaskGroups: fc.array(group, { maxLength: 2 }),
  Groups: fc.dictionary(word, group, { maxKeys: 2 }),
  Periodic: fc.option(fc.record({ Enabled: fc.boolean(), Spec: text }), { nil: null }),
});

const selector = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("ID", "Type", "Priority", "Version", "Stop", "Weight", "Meta", "Counts", "Datacenters", "Numbers"),
  },
  { weight: 2, arbitrary: fc.constantFrom("Meta.team", "Meta.red", 'Meta["a"]', '"/Meta/web"', "Counts.a", "Counts.team") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("TaskGroups", "TaskGroups.0.Name", "TaskGroups.1.Count", "Groups.a.Name", "Groups.web.Meta.red"),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "Periodic",
      "Periodic.Spec",
      "Periodic.Enabled",
      "Nope",
      "Meta.team.x",
      "ID.x",
      "Datacenters.0",
      "Datacenters.9",
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('"/Datacenters/0"', '"/Nope"', "TaskGroups.0", "Type.0", "meta.team") },
);

const value = fc.oneof(
  word,
  text.map((each) => JSON.stringify(each)),
  fc.constantFrom("`raw`", "`a\\b`", "service", "batch", "0", "1", "50", "-1", "1.5", "50.0", "0x32", "T", "F", '"TRUE"', '"1"', "nil"),
);
const pattern = fc.constantFrom('"^a"', '"^[ab]$"', '"(?i)WEB"', "`^$`", '"["', '"dc\\\\d"', "web", '".*"', '"(a|b)+"');

const match = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(selector, fc.constantFrom("==", "!="), value).map((parts) => parts.join(" ")) },
  { weight: 1, arbitrary: fc.tuple(selector, fc.constantFrom("==", "!="), value).map((parts) => parts.join("")) },
  { weight: 2, arbitrary: fc.tuple(value, fc.constantFrom("in", "not in"), selector).map((parts) => parts.join(" ")) },
  { weight: 2, arbitrary: fc.tuple(selector, fc.constantFrom("contains", "not contains"), value).map((parts) => parts.join(" ")) },
  {
    weight: 2,
    arbitrary: fc.tuple(selector, fc.constantFrom("is empty", "is not empty", "is nil", "is not nil")).map((parts) => parts.join(" ")),
  },
  { weight: 2, arbitrary: fc.tuple(selector, fc.constantFrom("matches", "not matches"), pattern).map((parts) => parts.join(" ")) },
);

const inner = fc.oneof(
  fc
    .tuple(fc.constantFrom("d", "k", "v", "d.Name", "v.Name", "d.Count", "_"), fc.constantFrom("==", "!="), value)
    .map((parts) => parts.join(" ")),
  match,
);
const collection = fc
  .tuple(
    fc.constantFrom("any", "all"),
    fc.constantFrom("Datacenters", "Numbers", "TaskGroups", "Meta", "Counts", "Groups", "ID", "Priority", "Nope", "Periodic"),
    fc.constantFrom("d", "k, v", "_, d", "d, _"),
    inner,
  )
  .map(([kind, over, names, body]) => `${kind} ${over} as ${names} { ${body} }`);

const expression: fc.Arbitrary<string> = fc.letrec((tie) => ({
  whole: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 6, arbitrary: match },
    { weight: 2, arbitrary: collection },
    { weight: 1, arbitrary: fc.tuple(tie("whole"), fc.constantFrom("and", "or"), tie("whole")).map((parts) => parts.join(" ")) },
    { weight: 1, arbitrary: (tie("whole") as fc.Arbitrary<string>).map((each) => `not ${each}`) },
    { weight: 1, arbitrary: (tie("whole") as fc.Arbitrary<string>).map((each) => `(${each})`) },
    { weight: 1, arbitrary: fc.tuple(tie("whole"), fc.constantFrom(" ", "", "and", ")", "  ")).map((parts) => parts.join(" ")) },
  ) as fc.Arbitrary<string>,
})).whole as fc.Arbitrary<string>;

export function questions(seed: number, count: number): readonly Question[] {
  return fc.sample(fc.record({ datum, expression }), { seed, numRuns: count });
}

export function ourAnswer({ datum: of, expression: source }: Question): OracleAnswer {
  try {
    return { value: compileFilter(source)(of) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/**
 * What Nomad's library refuses while it looks at an object, and ours answers: a list must not fail for one object that lacks what the
 * others have. Each is taken as a field without a value, or reads more than Nomad's grammar does.
 */
const TOLERATED: readonly RegExp[] = [
  // A place that is not there: a list's tenth element, a key below a missing key, a field of a text.
  /couldn't find key/,
  /is out of range/,
  /invalid value kind/,
  /^\/\S+ references a \w+ so/,
  // Comparing where nothing could be equal: a word with a list's numbers, anything with an object.
  /parsing .*: (invalid syntax|value out of range)/,
  /unable to find suitable primitive comparison function/,
  /in\/contains operations on type/,
  // An object has no length for Nomad: in JSON it is a map like any other; where none is, it is empty.
  /is-empty operations on type (?:struct|invalid)/,
  /is not a list or a map/,
  /^panic: /,
  // Words with dashes and names that begin with "_" need no quotes; any and all may be followed by more.
  /no match found, expected|Unmatched parentheses/,
];

/** undefined: alike, or different on purpose. Why something is refused is not compared. */
export function difference(reference: OracleAnswer, ours: OracleAnswer): string | undefined {
  const said = `Nomad says ${reference.error ?? String(reference.value)}; we say ${ours.error ?? String(ours.value)}`;
  if (reference.error !== undefined) {
    return ours.error !== undefined || TOLERATED.some((why) => why.test(reference.error as string)) ? undefined : said;
  }
  // A pattern that cannot be read is refused at once, not only when something is held against it.
  if (ours.error !== undefined) return /invalid pattern/.test(ours.error) ? undefined : said;
  return reference.value === ours.value ? undefined : said;
}
