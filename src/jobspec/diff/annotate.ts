/** What a diff will do to running allocations, in the words of `job plan`. nomad.md §4.4. */
import type { TSchema } from "typebox";
import {
  type DesiredUpdates,
  type FieldDiff,
  type JobDiff,
  type ObjectDiff,
  Task,
  type TaskDiff,
  type TaskGroupDiff,
  fieldsOf,
  nestedSchema,
  noteOf,
} from "#model";
import { objectName } from "./diff-noun.ts";

/** DesiredUpdates' fields as the diff's `Updates` calls them. */
const UPDATE_WORDS: readonly (readonly [keyof DesiredUpdates, string])[] = [
  ["Ignore", "ignore"],
  ["Place", "create"],
  ["Migrate", "migrate"],
  ["Stop", "destroy"],
  ["Canary", "canary"],
  ["InPlaceUpdate", "in-place update"],
  ["DestructiveUpdate", "create/destroy update"],
  ["Preemptions", "preemption"],
];

/** `updates` by group name, from the scheduler's dry run. Pure: the diff given is not changed. */
export function annotateDiff(diff: JobDiff, updates: Readonly<Record<string, DesiredUpdates>>): JobDiff {
  return {
    ...diff,
    TaskGroups: diff.TaskGroups.map((group) => annotateGroup(group, Object.hasOwn(updates, group.Name) ? updates[group.Name] : undefined)),
  };
}

function annotateGroup(group: TaskGroupDiff, updates: DesiredUpdates | undefined): TaskGroupDiff {
  const counted = UPDATE_WORDS.flatMap(([key, word]) => (updates !== undefined && updates[key] > 0 ? [[word, updates[key]] as const] : []));
  return {
    ...group,
    Updates: Object.fromEntries(counted),
    Fields: group.Fields.map(annotateCount),
    Tasks: group.Tasks.map((task) => ({ ...task, Annotations: taskAnnotations(group, task) })),
  };
}

function annotateCount(field: FieldDiff): FieldDiff {
  if (field.Name !== "Count" || field.Type === "None") return field;
  return { ...field, Annotations: [Number(field.New) > Number(field.Old) ? "forces create" : "forces destroy"] };
}

function taskAnnotations(group: TaskGroupDiff, task: TaskDiff): readonly string[] {
  if (task.Type === "None") return [];
  if (group.Type === "Added") return ["forces create"];
  if (group.Type === "Deleted") return ["forces destroy"];
  // A task comes or goes only with its whole allocation.
  if (task.Type !== "Edited" || destroys(Task, task)) return ["forces create/destroy update"];
  return ["forces in-place update"];
}

/** Does anything that differs stand in a field noted `destroy`? The same notes decide in groupChange. */
function destroys(schema: TSchema, diff: Pick<ObjectDiff, "Fields" | "Objects">): boolean {
  const fields = fieldsOf(schema);
  const changedField = diff.Fields.some((each) => {
    if (each.Type === "None") return false;
    const name = each.Name.split("[")[0] as string;
    return fields.some(([key, field]) => key === name && noteOf(field).change === "destroy");
  });
  if (changedField) return true;
  return diff.Objects.some((object) => {
    if (object.Type === "None") return false;
    return fields
      .filter(([key, field]) => objectName(key, field) === object.Name)
      .some(([, field]) => {
        const nested = nestedSchema(field);
        return noteOf(field).change === "destroy" || (nested !== undefined && destroys(nested, object));
      });
  });
}
