/**
 * What a new version of a job means for allocations of an old one: nothing, an update of the running one, or a new one in its
 * place. nomad.md §6.5 item 11. The answer is read off the notes in the schemas (`change: "destroy"`), nothing is listed twice:
 *
 *   sameJobSpec ──► none
 *   a field noted `destroy` differs, tasks came or went, or merged meta differs ──► destroy
 *   anything else ──► in-place
 *
 * Pure. A caller that asks for many allocations of one version asks once and remembers.
 */
import type { TSchema } from "typebox";
import { type ChangeEffect, fieldsOf, nestedSchema, nestingOf, noteOf } from "./field.ts";
import { TaskGroup } from "./group.ts";
import { Job } from "./job.ts";
import { Task } from "./task.ts";

export type GroupChange = "none" | ChangeEffect;

/** Fields judged apart from the walk: meta by its merged value, tasks by name. */
const GROUP_APART = new Set(["Meta", "Tasks", "Name"]);
const TASK_APART = new Set(["Meta", "Name"]);

/**
 * What has to happen to an allocation of `oldJob`'s group `groupName` now that `newJob` is wanted. Both jobs canonical. A change
 * anywhere in the job is at least in-place: the allocation moves on to the new version. A group that one of them lacks: destroy.
 */
export function groupChange(oldJob: Job, newJob: Job, groupName: string): GroupChange {
  if (oldJob === newJob || sameJobSpec(oldJob, newJob)) return "none";
  const before = oldJob.TaskGroups.find((group) => group.Name === groupName);
  const after = newJob.TaskGroups.find((group) => group.Name === groupName);
  if (before === undefined || after === undefined) return "destroy";
  if (before.Tasks.length !== after.Tasks.length) return "destroy";
  if (mustDestroy(TaskGroup, before, after, GROUP_APART)) return "destroy";
  for (const task of before.Tasks) {
    const next = after.Tasks.find((each) => each.Name === task.Name);
    if (next === undefined || mustDestroy(Task, task, next, TASK_APART)) return "destroy";
    const meta = { ...oldJob.Meta, ...before.Meta, ...task.Meta };
    if (!sameValue(meta, { ...newJob.Meta, ...after.Meta, ...next.Meta })) return "destroy";
  }
  return "in-place";
}

/**
 * Would registering `b` over `a` change what is wanted? Server-set fields do not count, but for Stop: running a stopped job again
 * is a change, as it is to Nomad.
 */
export function sameJobSpec(a: Job, b: Job): boolean {
  if (a === b) return true;
  return fieldsOf(Job).every(([name, schema]) => {
    if (noteOf(schema).server === true && name !== "Stop") return true;
    return sameField(schema, a[name as keyof Job], b[name as keyof Job]);
  });
}

/** Deep equality of plain values. The order of keys does not matter, the order of lists does; undefined counts as absent. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a !== a && b !== b;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((each, index) => sameValue(each, b[index]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key of Object.keys(left)) if (!sameValue(left[key], own(right, key))) return false;
  for (const key of Object.keys(right)) if (right[key] !== undefined && own(left, key) === undefined) return false;
  return true;
}

/** A key of that name is one like any other, but every object has the property. */
function own(value: Record<string, unknown>, key: string): unknown {
  return key === "__proto__" && !Object.hasOwn(value, key) ? undefined : value[key];
}

type Noun = Readonly<Record<string, unknown>>;

/** Does any field noted `destroy`, at any depth, differ between two values of one noun? An absent noun is one of defaults. */
function mustDestroy(schema: TSchema, before: Noun, after: Noun, apart: ReadonlySet<string> = new Set()): boolean {
  return fieldsOf(schema).some(([name, field]) => {
    if (apart.has(name)) return false;
    const note = noteOf(field);
    const old = before[name] ?? note.default;
    const next = after[name] ?? note.default;
    if (note.change === "destroy") return !sameField(field, old, next);
    const nested = nestedSchema(field);
    if (nested === undefined) return false;
    return pairs(field, old, next).some(([x, y]) => mustDestroy(nested, x, y));
  });
}

/** The nested nouns of two values of one field, each beside its counterpart: by name where they have one, by place where not. */
function pairs(field: TSchema, old: unknown, next: unknown): readonly (readonly [Noun, Noun])[] {
  if (nestingOf(field) === "one") return [[(old ?? {}) as Noun, (next ?? {}) as Noun]];
  const left = byKey(field, old);
  const right = byKey(field, next);
  return [...new Set([...left.keys(), ...right.keys()])].map((key) => [left.get(key) ?? {}, right.get(key) ?? {}] as const);
}

function byKey(field: TSchema, value: unknown): ReadonlyMap<string, Noun> {
  if (!Array.isArray(value)) return new Map(Object.entries((value ?? {}) as Record<string, Noun>));
  const label = labelOf(field);
  const seen = new Map<string, Noun>();
  (value as Noun[]).forEach((each, index) => {
    const key = label === undefined ? String(index) : String(each[label]);
    seen.set(seen.has(key) ? `${key}\u0000${index}` : key, each);
  });
  return seen;
}

/** Equality as the field's schema sees it: nouns that have a name of their own mean the same in any order. */
function sameField(field: TSchema, a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const nested = nestedSchema(field);
  const label = labelOf(field);
  if (nested === undefined || a === null || b === null || a === undefined || b === undefined) return sameValue(a, b);
  const sameNoun = (x: Noun, y: Noun) => x === y || fieldsOf(nested).every(([name, inner]) => sameField(inner, x[name], y[name]));
  if (nestingOf(field) === "one") return sameNoun(a as Noun, b as Noun);
  const left = ordered(label, a);
  const right = ordered(label, b);
  return left.length === right.length && left.every(([key, noun], index) => key === right[index]?.[0] && sameNoun(noun, right[index][1]));
}

/** The nouns of a list or map, each with what it is called: its label, its key, or its place. */
function ordered(label: string | undefined, value: unknown): readonly (readonly [key: string, noun: Noun])[] {
  const byName = (x: readonly [string, Noun], y: readonly [string, Noun]) => (x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : 0);
  if (!Array.isArray(value)) return Object.entries(value as Record<string, Noun>).sort(byName);
  const nouns = value as Noun[];
  if (label === undefined) return nouns.map((noun, index) => [String(index), noun] as const);
  return nouns.map((noun) => [String(noun[label]), noun] as const).sort(byName);
}

function labelOf(field: TSchema): string | undefined {
  return nestingOf(field) === "list" ? noteOf(field).label : undefined;
}
