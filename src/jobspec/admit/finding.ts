/** What admission has to say about a job: where, and what. The words come first, the JSON path follows for programs. */
import type { Job } from "#model";

export interface Finding {
  readonly severity: "error" | "warning";
  /** `TaskGroups[0].Tasks[0].Driver`; "" is the job itself. */
  readonly path: string;
  /** `Task "web" of group "g": driver is missing` */
  readonly text: string;
}

/** A noun inside the job: its JSON path and how a person calls it. */
export interface Place {
  readonly path: string;
  readonly words: string;
}

export const jobPlace = (job: { readonly ID?: unknown }): Place => ({ path: "", words: named("Job", job.ID) });

export function groupPlace(job: Job, group: number): Place {
  return { path: `TaskGroups[${group}]`, words: named("Group", job.TaskGroups[group]?.Name, group) };
}

export function taskPlace(job: Job, group: number, task: number): Place {
  const found = job.TaskGroups[group];
  return {
    path: `TaskGroups[${group}].Tasks[${task}]`,
    words: `${named("Task", found?.Tasks[task]?.Name, task)} of ${named("group", found?.Name, group)}`,
  };
}

/** `Group "web"`, or `Group #2` for one without a usable name. */
export function named(kind: string, name: unknown, index?: number): string {
  if (typeof name === "string" && name !== "") return `${kind} ${JSON.stringify(name)}`;
  return index === undefined ? kind : `${kind} #${index + 1}`;
}

/** `field` is the wire path below the place, "" for the place itself. */
export const problem = (place: Place, field: string, text: string): Finding => ({
  severity: "error",
  path: joined(place.path, field),
  text: `${place.words}: ${text}`,
});

export const warning = (place: Place, field: string, text: string): Finding => ({ ...problem(place, field, text), severity: "warning" });

export function joined(path: string, field: string): string {
  return path === "" || field === "" || field.startsWith("[") ? path + field : `${path}.${field}`;
}
