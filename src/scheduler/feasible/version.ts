/**
 * Versions and version constraints as constraints write them: `version` follows go-version (missing segments are zero,
 * pre-releases match only where the constraint names one), `semver` is strict and orders pre-releases like anything else.
 *
 *   constraint   = one { "," one }            all must hold
 *   one          = [ operator ] version       no operator means =
 *   operator     = "=" "!=" ">" "<" ">=" "<=" "~>" (version only)
 *
 *   ~> 1.2.3   at least 1.2.3, below 1.3       the last written segment may grow
 */

export interface Version {
  /** At least three; missing ones are 0. */
  readonly segments: readonly number[];
  /** How many were written. */
  readonly written: number;
  /** "" when it is a release. */
  readonly prerelease: string;
}

type Flavour = "version" | "semver";
type Operator = "=" | "!=" | ">" | "<" | ">=" | "<=" | "~>";

const LOOSE =
  /^v?(\d+(?:\.\d+)*)(?:-(\d+[0-9A-Za-z\-~]*(?:\.[0-9A-Za-z\-~]+)*)|-?([A-Za-z\-~]+[0-9A-Za-z\-~]*(?:\.[0-9A-Za-z\-~]+)*))?(?:\+[0-9A-Za-z\-~]+(?:\.[0-9A-Za-z\-~]+)*)?$/;
/** Strict about the hyphen only: a pre-release begins with one. */
const STRICT =
  /^v?(\d+(?:\.\d+)*)(?:-(\d+[0-9A-Za-z\-~]*(?:\.[0-9A-Za-z\-~]+)*|[A-Za-z\-~]+[0-9A-Za-z\-~]*(?:\.[0-9A-Za-z\-~]+)*))?(?:\+[0-9A-Za-z\-~]+(?:\.[0-9A-Za-z\-~]+)*)?$/;

/** Undefined when it is not a version. */
export function parseVersion(text: string, flavour: Flavour = "version"): Version | undefined {
  const match = (flavour === "semver" ? STRICT : LOOSE).exec(text);
  if (match === null) return undefined;
  const digits = (match[1] as string).split(".");
  // Longer numbers are no 64-bit integers.
  if (digits.some((each) => each.length > 18 && BigInt(each) >= 2n ** 63n)) return undefined;
  const segments = digits.map(Number);
  const written = segments.length;
  while (segments.length < 3) segments.push(0);
  return { segments, written, prerelease: match[2] ?? match[3] ?? "" };
}

/** Undefined when it is not a constraint. */
export function parseVersionConstraint(text: string, flavour: Flavour): ((version: Version) => boolean) | undefined {
  const tests: ((version: Version) => boolean)[] = [];
  for (const part of text.split(",")) {
    const match = /^\s*(=|!=|>=|<=|>|<|~>)?\s*(\S+)\s*$/.exec(part);
    if (match === null) return undefined;
    const operator = (match[1] ?? "=") as Operator;
    const wanted = parseVersion(match[2] as string, flavour);
    if (wanted === undefined || (operator === "~>" && flavour === "semver")) return undefined;
    tests.push((version) => holds(version, operator, wanted, flavour));
  }
  return (version) => tests.every((test) => test(version));
}

function holds(version: Version, operator: Operator, wanted: Version, flavour: Flavour): boolean {
  const order = compareVersions(version, wanted);
  if (operator === "=") return order === 0;
  if (operator === "!=") return order !== 0;
  if (flavour === "version" && !prereleaseAdmitted(version, wanted)) return false;
  switch (operator) {
    case ">":
      return order > 0;
    case "<":
      return order < 0;
    case ">=":
      return order >= 0;
    case "<=":
      return order <= 0;
    case "~>":
      return order >= 0 && pessimistic(version, wanted);
  }
}

/** A pre-release is compared only with a constraint that names a pre-release of the same version. */
function prereleaseAdmitted(version: Version, wanted: Version): boolean {
  if (version.prerelease === "") return true;
  return wanted.prerelease !== "" && version.segments.length === wanted.segments.length && compareSegments(version, wanted) === 0;
}

function pessimistic(version: Version, wanted: Version): boolean {
  if (wanted.prerelease !== "" && version.prerelease === "") return false;
  for (let i = 0; i < wanted.written - 1; i++) if (version.segments[i] !== wanted.segments[i]) return false;
  return true;
}

/** Negative, zero or positive. Build metadata does not count. */
export function compareVersions(a: Version, b: Version): number {
  const segments = compareSegments(a, b);
  if (segments !== 0 || a.prerelease === b.prerelease) return segments;
  // As go-version: 1.0.0.0-dev and 1.0.0 have other numbers of segments, and are equal whatever their pre-releases.
  if (a.segments.length !== b.segments.length) return 0;
  if (a.prerelease === "") return 1;
  if (b.prerelease === "") return -1;
  return comparePrereleases(a.prerelease.split("."), b.prerelease.split("."));
}

function compareSegments(a: Version, b: Version): number {
  for (let i = 0; i < Math.max(a.segments.length, b.segments.length); i++) {
    const difference = (a.segments[i] ?? 0) - (b.segments[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Part by part: numbers before words. */
function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const left = a[i];
    const right = b[i];
    // As go-version: what is not there comes before a number and after a word.
    if (left === undefined) return /^\d+$/.test(right as string) ? -1 : 1;
    if (right === undefined) return /^\d+$/.test(left) ? 1 : -1;
    if (left === right) continue;
    const leftNumeric = /^\d+$/.test(left);
    const rightNumeric = /^\d+$/.test(right);
    if (leftNumeric && rightNumeric) return Number(left) - Number(right);
    if (leftNumeric !== rightNumeric) return leftNumeric ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}
