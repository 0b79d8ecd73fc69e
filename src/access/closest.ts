/**
 * Which of several globs speaks for a name: the name itself if it is among them, else the one whose stars stand for the fewest characters.
 * It speaks alone. nomad.md §7 (ACL model).
 */

/** `*` stands for any characters, also none. In time proportional to the name. */
export function matchesGlob(glob: string, name: string): boolean {
  if (!glob.includes("*")) return glob === name;
  const parts = glob.split("*");
  const first = parts[0] as string;
  const last = parts.at(-1) as string;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** How many characters of the name the stars stand for. */
function starred(glob: string, name: string): number {
  return name.length - glob.replaceAll("*", "").length;
}

/** Those nearest to the name: usually one; globs as near as each other ("a*", "*a") together. `globOf` says what a rule is written for. */
export function closest<T>(rules: readonly T[], name: string, globOf: (rule: T) => string): readonly T[] {
  const exact = rules.filter((rule) => globOf(rule) === name);
  if (exact.length > 0) return exact;
  let nearest = Infinity;
  let found: T[] = [];
  for (const rule of rules) {
    const glob = globOf(rule);
    if (!matchesGlob(glob, name)) continue;
    const distance = starred(glob, name);
    if (distance > nearest) continue;
    if (distance < nearest) found = [];
    nearest = distance;
    found.push(rule);
  }
  return found;
}
