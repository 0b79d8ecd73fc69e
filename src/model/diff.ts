/** The difference between two versions of a job, as `job plan` shows it. nomad.md §3.3. */

export type DiffType = "None" | "Added" | "Deleted" | "Edited";

export interface FieldDiff {
  readonly Type: DiffType;
  readonly Name: string;
  readonly Old: string;
  readonly New: string;
  readonly Annotations: readonly string[];
}
export interface ObjectDiff {
  readonly Type: DiffType;
  readonly Name: string;
  readonly Fields: readonly FieldDiff[];
  readonly Objects: readonly ObjectDiff[];
}
export interface TaskDiff extends ObjectDiff {
  readonly Annotations: readonly string[];
}
export interface TaskGroupDiff extends ObjectDiff {
  readonly Tasks: readonly TaskDiff[];
  /** "create" → 1, "create/destroy update" → 2, … */
  readonly Updates: Readonly<Record<string, number>>;
}
export interface JobDiff {
  readonly Type: DiffType;
  readonly ID: string;
  readonly Fields: readonly FieldDiff[];
  readonly Objects: readonly ObjectDiff[];
  readonly TaskGroups: readonly TaskGroupDiff[];
}
