/**
 * Where in a job a sensitive text may stand: where only the task that needs it reads it. Paths are those of `placeOf`: `TaskGroups[0].Tasks[0].Env["PASSWORD"]`.
 */

/** A property's name, a key, or a place in a list. */
export type Step = string | number;

/** Below these are names of the author's. */
const FREE = new Set(["Env", "Config", "Meta"]);
const STEP = /\.?([A-Za-z_]\w*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;

export function writePath(steps: readonly Step[]): string {
  let free = false;
  return steps
    .map((step, at) => {
      const written = typeof step === "number" ? `[${step}]` : free ? `[${JSON.stringify(step)}]` : `${at === 0 ? "" : "."}${step}`;
      free ||= FREE.has(step as string);
      return written;
    })
    .join("");
}

/** Undefined: it is no path. */
export function readPath(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  for (let end = 0; end < path.length; end = STEP.lastIndex) {
    const match = STEP.exec(path);
    if (match === null) return undefined;
    steps.push(match[1] ?? (match[2] === undefined ? (JSON.parse(match[3] as string) as string) : Number(match[2])));
  }
  return steps;
}

/** A part of a text, in UTF-16 units. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}
const SLICE = /\[(\d+):(\d+)\]$/;

/** `path[2:9]` where it is not the whole text. */
export function writeSlice(path: string, { start, end }: Slice, text: string): string {
  return start === 0 && end === text.length ? path : `${path}[${start}:${end}]`;
}

/** Undefined: it is no path. `slice` undefined: the whole text. */
export function readSlice(path: string): { readonly steps: readonly Step[]; readonly slice: Slice | undefined } | undefined {
  const match = SLICE.exec(path);
  const steps = readPath(match === null ? path : path.slice(0, match.index));
  if (steps === undefined) return undefined;
  return { steps, slice: match === null ? undefined : { start: Number(match[1]), end: Number(match[2]) } };
}

/** Env and config of a task, the data of its templates, the config of its secrets. Everything else is shown, indexed or registered elsewhere. */
export function mayBeSensitive([groups, group, tasks, task, field, ...rest]: readonly Step[]): boolean {
  if (groups !== "TaskGroups" || typeof group !== "number" || tasks !== "Tasks" || typeof task !== "number") return false;
  if (field === "Env") return rest.length === 1;
  if (field === "Config") return rest.length > 0;
  if (field === "Templates") return rest.length === 2 && rest[1] === "EmbeddedTmpl";
  return field === "Secrets" && rest.length > 2 && rest[1] === "Config";
}

/** The job with texts replaced: what `change` answers instead of one, undefined to leave it. What does not change is not copied. */
export function changeTexts(value: unknown, change: (text: string, steps: readonly Step[]) => string | undefined): unknown {
  const walk = (at: unknown, steps: readonly Step[]): unknown => {
    if (typeof at === "string") return change(at, steps) ?? at;
    if (typeof at !== "object" || at === null) return at;
    if (Array.isArray(at)) {
      const items = at.map((item, index) => walk(item, [...steps, index]));
      return items.some((item, index) => item !== at[index]) ? items : at;
    }
    const entries = Object.entries(at).map(([key, inner]) => [key, inner, walk(inner, [...steps, key])] as const);
    return entries.some(([, before, after]) => before !== after) ? Object.fromEntries(entries.map(([key, , after]) => [key, after])) : at;
  };
  return walk(value, []);
}

/** A sealed value in a text: what stands between the braces is its name. */
export const SEALED = /\$\{(sealed\.[^\s"{}]+)\}/g;
/** As a diff and a rendered job show one. */
const SENSITIVE_SHOWN = "(sensitive)";

export function withoutSealed(text: string): string {
  return text.includes("${sealed.") ? text.replace(SEALED, SENSITIVE_SHOWN) : text;
}
