/** Any canonical Job, drawn from the schemas themselves: a field added to the model is drawn the same day. */
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Job, TaskGroup, Task, fieldsOf, nestedSchema, nestingOf, noteOf } from "#model";

const WORDS = fc.constantFrom("a", "b", "web", "x y", "${attr.x}", "ü");
const NAMES = ["one", "two", "three"];

export function anyJob(): fc.Arbitrary<Job> {
  return noun(Job).map((job) => ({ ...job, ID: "job" }) as unknown as Job);
}

/** The job with one field somewhere drawn anew. */
export function anyEdit(job: Job): fc.Arbitrary<Job> {
  return anyJob().chain((other) =>
    fc
      .constantFrom(...fieldsOf(Job).map(([name]) => name))
      .map((name) => ({ ...job, [name]: other[name as keyof Job], ID: job.ID }) as Job),
  );
}

function noun(schema: TSchema): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(fieldsOf(schema).map(([name, field]) => [name, value(field)])));
}

function value(field: TSchema): fc.Arbitrary<unknown> {
  const note = noteOf(field);
  const nested = nestedSchema(field);
  const fallback = note.default === undefined ? "" : note.default;
  if (note.hidden === true || note.server === true) return fc.constant(fallback);
  const seldom = (drawn: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 4, arbitrary: fc.constant(fallback) }, { weight: 1, arbitrary: drawn });
  if (nested !== undefined) {
    if (nestingOf(field) === "one") return seldom(noun(nested));
    const label = note.label ?? "Name";
    const many = fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), noun(nested)), { maxLength: 2, selector: ([name]) => name });
    const named = many.map((list) => list.map(([name, each]) => (label in each ? { ...each, [label]: name } : each)));
    if (nestingOf(field) === "map") return seldom(many.map((list) => Object.fromEntries(list)));
    return nested === (TaskGroup as TSchema) || nested === (Task as TSchema) ? named : seldom(named);
  }
  return seldom(plain(field));
}

function plain(field: TSchema): fc.Arbitrary<unknown> {
  const any = field as unknown as { type?: string; anyOf?: TSchema[]; items?: TSchema; patternProperties?: Record<string, TSchema> };
  const inner = any.anyOf?.find((each) => (each as { type?: string }).type !== "null");
  if (inner !== undefined) return plain(inner);
  switch (any.type) {
    case "string":
      return WORDS;
    case "integer":
      return fc.integer({ min: -2, max: 5 });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(plain(any.items as TSchema), { maxLength: 3 });
    case "object":
      return fc.dictionary(WORDS, plain(Object.values(any.patternProperties ?? {})[0] as TSchema), { maxKeys: 2 });
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}
