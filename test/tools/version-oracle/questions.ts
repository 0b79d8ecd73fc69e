/** Versions and constraints to ask go-version about, and what we say of them. */
import fc from "fast-check";
import { compareVersions, parseVersion, parseVersionConstraint } from "../../../src/scheduler/feasible/version.ts";
import type { OracleAnswer } from "../ask-oracle.ts";

export type Question =
  | { readonly constraint: string; readonly version: string }
  | { readonly left: string; readonly right: string }
  | { readonly semver: string };

const segment = fc.constantFrom("0", "0", "1", "1", "2", "10", "01", "2147483648");
const core = fc.array(segment, { minLength: 1, maxLength: 3 }).map((each) => each.join("."));
const word = fc.constantFrom("alpha", "beta", "rc", "rc1", "1", "0", "11", "a-b", "x~y", "dev", "20260101");
const prerelease = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  { weight: 4, arbitrary: fc.array(word, { minLength: 1, maxLength: 3 }).map((each) => `-${each.join(".")}`) },
  { weight: 1, arbitrary: word },
);
const build = fc.constantFrom(...Array.from({ length: 16 }, () => ""), "+ent", "+build.5", "+a~b", "+");
const version = fc
  .tuple(fc.constantFrom(...Array.from({ length: 30 }, () => ""), "v", "v", "v", "V", " ", "="), core, prerelease, build)
  .map((each) => each.join(""));
const junk = fc.constantFrom(
  "",
  "latest",
  "1..2",
  ".1",
  "1.",
  "1.2.x",
  "1 2",
  "1.2-",
  "-1",
  "1,2",
  "1.2.3-",
  "1.2.3--x",
  "99999999999999999999",
);
const anyVersion = fc.oneof({ weight: 40, arbitrary: version }, { weight: 1, arbitrary: junk });
const operator = fc.oneof(
  { weight: 25, arbitrary: fc.constantFrom("", "=", "!=", ">", "<", ">=", "<=", "~>") },
  { weight: 1, arbitrary: fc.constantFrom("==", "=>", "!", "~") },
);
const term = fc
  .tuple(fc.constantFrom("", " "), operator, fc.constantFrom("", " ", "  "), anyVersion, fc.constantFrom("", " "))
  .map((each) => each.join(""));
const constraint = fc.array(term, { minLength: 1, maxLength: 2 }).map((each) => each.join(","));

export const CHOSEN: readonly Question[] = [
  ["~> 1.2.3", "1.2.9"],
  ["~> 1.2.3", "1.3.0"],
  ["~> 1.2", "1.9.0"],
  ["~> 1", "2.0"],
  ["~> 1", "1.9.9"],
  ["~> 1.0.9", "1.0.11-beta"],
  ["~> 1.0.9-beta", "1.0.9"],
  ["~> 1.0.9-beta", "1.0.9-gamma"],
  [">= 1.7-beta", "1.7"],
  [">= 1.7.0", "1.8.0-rc1"],
  ["< 2.0", "2.0.0-alpha"],
  ["= 1.0", "1.0.0+ent"],
  ["!= 1.0", "1.0.0-beta"],
  [">= 1.0, < 1.4", "1.3.9"],
  ["1.0", "1.0.0"],
  ["", "1.0"],
  [",", "1.0"],
  ["> 1.2.3.4", "1.2.3.5"],
].map(([asked = "", version = ""]) => ({ constraint: asked, version }));

export function questions(seed: number, count: number): Question[] {
  const drawn = fc.oneof(
    { weight: 4, arbitrary: fc.record({ constraint, version: anyVersion }) },
    { weight: 2, arbitrary: fc.record({ left: anyVersion, right: anyVersion }) },
    { weight: 1, arbitrary: fc.record({ semver: anyVersion }) },
  );
  return fc.sample(drawn, { seed, numRuns: count });
}

export function ourAnswer(question: Question): OracleAnswer {
  if ("semver" in question) {
    const parsed = parseVersion(question.semver, "semver");
    return parsed === undefined ? { error: "no version" } : { value: true };
  }
  if ("left" in question) {
    const [left, right] = [parseVersion(question.left), parseVersion(question.right)];
    if (left === undefined || right === undefined) return { error: "no version" };
    return { value: Math.sign(compareVersions(left, right)) };
  }
  const constraint = parseVersionConstraint(question.constraint, "version");
  const version = parseVersion(question.version);
  if (constraint === undefined || version === undefined) return { error: "cannot be read" };
  return { value: constraint(version) };
}

export function difference(question: Question, reference: OracleAnswer, ours: OracleAnswer): string | undefined {
  const wanted = reference.error !== undefined ? "refuses" : "semver" in question ? true : reference.value;
  const said = ours.error !== undefined ? "refuses" : ours.value;
  if (wanted === said) return undefined;
  return `${JSON.stringify(question)}: we say ${JSON.stringify(said)}, the reference ${JSON.stringify(wanted)} ${reference.error ?? ""}`;
}
