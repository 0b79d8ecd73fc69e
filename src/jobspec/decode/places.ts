/** Where the fields of a decoded job were written, looked up by the path admission calls a field. */
import type { Position } from "../contract.ts";
import type { Range } from "../hcl/mod.ts";
import { rangeWithin } from "./within.ts";

interface Written {
  /** The noun's head: `task "web"`. */
  readonly at: Range;
  /** Property → its name in the file. */
  readonly fields: ReadonlyMap<string, Range>;
}

/** `Name`, `[0]`, `["key"]` */
const STEP = /\.?([A-Za-z_]\w*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;

/** Remembers by object: a rule that moves a task elsewhere takes its place along. */
export class Places {
  readonly #written = new WeakMap<object, Written>();

  set(noun: object, written: Written): void {
    this.#written.set(noun, written);
  }

  /** `same` is a copy of `noun`, with a label say. */
  alias(noun: object, same: object): void {
    const written = this.#written.get(noun);
    if (written !== undefined) this.#written.set(same, written);
  }

  /** Another of the same noun, with all that is in it: written where it was. */
  copy<T>(noun: T): T {
    if (Array.isArray(noun)) return noun.map((each) => this.copy(each as unknown)) as T;
    if (typeof noun !== "object" || noun === null) return noun;
    const same = Object.fromEntries(Object.entries(noun).map(([name, value]) => [name, this.copy(value as unknown)]));
    this.alias(noun, same);
    return same as T;
  }

  /**
   * The innermost part of the path that was written; undefined when not even `job` was. A policy that a group has from its job (a task
   * from its group) is found there. `Templates[0].EmbeddedTmpl@3:7` is line 3, column 7 of the text, if that was written there as it is.
   */
  find(job: object, place: string): { readonly start: Position; readonly end: Position } | undefined {
    const [, path = place, line, column] = /^(.*)@(\d+):(\d+)$/s.exec(place) ?? [];
    const nouns: object[] = [job];
    let at: unknown = job;
    let found = this.#written.get(job)?.at;
    for (const step of stepsOf(path)) {
      const holder = holds(at, step) ? at : Array.isArray(at) ? undefined : nouns.toReversed().find((noun) => holds(noun, step));
      if (holder === undefined) break;
      found = this.#written.get(holder as object)?.fields.get(nameIn(holder as object, step) as string) ?? found;
      at = memberOf(holder as object, step);
      const inner = typeof at === "object" && at !== null ? this.#written.get(at) : undefined;
      if (inner !== undefined) {
        nouns.push(at as object);
        found = inner.at;
      }
    }
    if (found !== undefined && line !== undefined && typeof at === "string")
      found = rangeWithin(found, at, { line: Number(line), column: Number(column) }) ?? found;
    if (found === undefined) return undefined;
    return { start: found.source.positionAt(found.start), end: found.source.positionAt(found.end) };
  }
}

/** What admission calls otherwise than the job file's decoder. */
const OTHER_NAMES: Readonly<Record<string, string>> = { ReschedulePolicy: "Reschedule", ReservedPorts: "DynamicPorts" };

function nameIn(holder: object, step: string): string | undefined {
  if (Object.hasOwn(holder, step)) return step;
  const other = Object.hasOwn(OTHER_NAMES, step) ? (OTHER_NAMES[step] as string) : undefined;
  return other !== undefined && Object.hasOwn(holder, other) ? other : undefined;
}

function holds(value: unknown, step: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  return memberOf(value, step) !== undefined;
}

/** By property, by place, or by label: `Networks[0].DynamicPorts["http"]`. */
function memberOf(holder: object, step: string): unknown {
  const name = nameIn(holder, step);
  if (name !== undefined) return (holder as Record<string, unknown>)[name];
  if (!Array.isArray(holder)) return undefined;
  return (holder as readonly Record<string, unknown>[]).find((each) => each["Label"] === step || each["Name"] === step);
}

function stepsOf(path: string): readonly string[] {
  const steps: string[] = [];
  STEP.lastIndex = 0;
  for (let match = STEP.exec(path); match !== null; match = STEP.exec(path)) {
    steps.push(match[3] === undefined ? ((match[1] ?? match[2]) as string) : (JSON.parse(match[3]) as string));
  }
  return steps;
}
