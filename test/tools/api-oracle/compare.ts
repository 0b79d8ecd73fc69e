/** What a client of Nomad would miss in an answer of Drover's. What Drover has besides is no difference: clients do not see keys they do not know. */
import type { Answer, Shape } from "./shape.ts";

export interface Difference {
  readonly step: string;
  /** "$" is the whole answer, "$.Jobs[].ID" a part of it. */
  readonly path: string;
  readonly said: string;
}

export function differencesOf(step: string, nomad: Answer, drover: Answer | undefined): readonly Difference[] {
  if (drover === undefined) return [{ step, path: "$", said: "was not asked" }];
  const found: Difference[] = [];
  const tell = (path: string, said: string) => void found.push({ step, path, said });
  if (nomad.status !== drover.status) tell("status", `${nomad.status}, Drover: ${drover.status}`);
  if (nomad.content !== drover.content) tell("content", `${nomad.content}, Drover: ${drover.content}`);
  if (nomad.shape !== undefined && drover.shape !== undefined) compare("$", nomad.shape, drover.shape, tell);
  return found;
}

/**
 * A list or a map with nothing in it is null in Nomad, as Go writes it; here it is empty more often. A Go client reads both alike, others the
 * empty one more easily: either is fine.
 */
const EMPTY = new Set(["null", "list", "object"]);

function compare(path: string, nomad: Shape, drover: Shape, tell: (path: string, said: string) => void): void {
  // Of what was always null nothing is known.
  if (named(nomad) === "null") return;
  const strange = [...drover.types].filter((type) => !nomad.types.has(type) && !alike(type, nomad, drover));
  const missed = [...nomad.types].filter((type) => !drover.types.has(type) && !alike(type, drover, nomad));
  if (strange.length > 0 || missed.length > 0) tell(path, `${named(nomad)}, Drover: ${named(drover)}`);
  if (nomad.items !== undefined) {
    if (drover.items !== undefined) compare(`${path}[]`, nomad.items, drover.items, tell);
    else if (drover.types.has("list") && strange.length === 0) tell(`${path}[]`, "nothing in Drover's");
  }
  if (!drover.types.has("object")) return;
  for (const [key, part] of nomad.keys) {
    const ours = drover.keys.get(key);
    if (ours !== undefined) compare(`${path}.${key}`, part, ours, tell);
    // A key that is null and one that is not there are the same to every client.
    else if (named(part) !== "null") tell(`${path}.${key}`, `${named(part)}, missing in Drover's`);
  }
}

/** Is `type`, which one side has and `other` lacks, but another way to say "nothing"? */
function alike(type: string, other: Shape, own: Shape): boolean {
  if (type === "null") return [...other.types].some((each) => EMPTY.has(each)) && own.types.size > 0;
  if (type === "list") return other.types.has("null") && own.items === undefined;
  return type === "object" && other.types.has("null") && own.keys.size === 0;
}
const named = (shape: Shape): string => [...shape.types].toSorted().join("|");
