/** Every field of every block of a job file appears in the diff that adds it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TSchema } from "typebox";
import { diffJobs } from "#jobspec";
import { Job, type ObjectDiff, Task, TaskGroup, fieldsOf, nestedSchema, nestingOf, noteOf } from "#model";
import { objectName } from "../../../../src/jobspec/diff/diff-noun.ts";

type Noun = Record<string, unknown>;

/** A noun with a value in every field that is not the default. */
function everything(schema: TSchema): Noun {
  return Object.fromEntries(
    fieldsOf(schema).map(([name, field]) => {
      const note = noteOf(field);
      const nested = nestedSchema(field);
      if (note.server === true || note.hidden === true) return [name, note.default];
      if (nested === undefined) return [name, note.form === "free" ? { key: { inner: [1] } } : plain(field as Shape, note.default)];
      const inner = everything(nested);
      const labelled = note.label === undefined ? inner : { ...inner, [note.label]: "one" };
      const how = nestingOf(field);
      return [name, how === "one" ? inner : how === "list" ? [labelled] : { one: labelled }];
    }),
  );
}

interface Shape {
  readonly type?: string;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly patternProperties?: Readonly<Record<string, Shape>>;
}

function plain(field: Shape, fallback: unknown): unknown {
  const shape = field.anyOf?.find((each) => each.type !== "null") ?? field;
  switch (shape.type) {
    case "integer":
      return 7;
    case "boolean":
      return fallback !== true;
    case "array":
      return [plain(shape.items ?? {}, undefined)];
    case "object":
      return { key: plain(Object.values(shape.patternProperties ?? {})[0] ?? {}, undefined) };
    default:
      return "words";
  }
}

/** What of a noun the diff of it does not show. */
function missing(schema: TSchema, diff: Pick<ObjectDiff, "Fields" | "Objects">, path: string, apart: readonly string[]): string[] {
  return fieldsOf(schema).flatMap(([name, field]) => {
    const note = noteOf(field);
    if (note.server === true || note.hidden === true || apart.includes(name)) return [];
    const here = `${path}.${name}`;
    const nested = nestedSchema(field);
    const called = objectName(name, field);
    const objects = diff.Objects.filter((each) => each.Name === called);
    if (nested !== undefined) {
      // A block without anything in it has nothing to show.
      if (fieldsOf(nested).length === 0) return [];
      return objects.length === 0 ? [here] : missing(nested, objects[0] as ObjectDiff, here, []);
    }
    const shown = objects.length > 0 || diff.Fields.some((each) => each.Name === name || each.Name.startsWith(`${name}[`));
    return shown ? [] : [here];
  });
}

test("a job that says everything differs from one that says nothing in every field", () => {
  const full = { ...everything(Job), ID: "job" } as unknown as Job;
  const bare = {
    ...full,
    ...Object.fromEntries(fieldsOf(Job).map(([name, field]) => [name, noteOf(field).default])),
    ID: "job",
  } as unknown as Job;
  // A task that restarts as its group does shows it there.
  const [first] = full.TaskGroups;
  const apart = { ...full, TaskGroups: [{ ...first, RestartPolicy: null }] } as unknown as Job;
  const diff = diffJobs(bare, full, { contextual: false });
  const group = diff.TaskGroups[0];
  const task = group?.Tasks[0];
  assert.ok(group !== undefined && task !== undefined);
  assert.deepEqual(
    [
      // The job's policies stand in its groups.
      ...missing(Job, diff, "Job", ["ID", "TaskGroups", "Update", "Migrate", "Reschedule"]),
      // Of a block that comes, it says nothing for this type of job.
      ...missing(TaskGroup, group, "TaskGroup", ["Name", "Tasks"]).filter((path) => path !== "TaskGroup.Update.Stagger"),
      ...missing(Task, diffJobs(bare, apart, { contextual: false }).TaskGroups[0]?.Tasks[0] ?? task, "Task", ["Name"]),
    ],
    [],
  );
});
