/** Names: there, unique, and fit for the places they end up in (paths, log file names, environment). nomad.md §1.2, §1.8. */
import { JOB_TYPES, type Job, type Task } from "#model";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, jobPlace, problem, taskPlace, warning } from "./finding.ts";

/** No name is this one: JavaScript objects keyed by names would take it for something else, and so would JSON's readers. */
const NAME_RESERVED = "__proto__";

/** A task's name becomes a directory and the start of its log files' names; file names end at 255 bytes. */
const NAME_BYTES_MAX = 200;

export function* checkJobNames({ job, context }: Admission): Iterable<Finding> {
  const place = jobPlace(job);
  if (job.ID === "") yield problem(place, "ID", "ID is missing");
  else if (/[\s\p{Cc}]/u.test(job.ID)) yield problem(place, "ID", "ID contains a space or a control character");
  if (/\p{Cc}/u.test(job.Name)) yield problem(place, "Name", "name contains a control character");
  if (!(JOB_TYPES as readonly string[]).includes(job.Type)) {
    yield problem(place, "Type", `type is ${JSON.stringify(job.Type)}, must be one of ${JOB_TYPES.join(", ")}`);
  }
  if (job.Priority < 1 || job.Priority > context.priorityMax) {
    yield problem(place, "Priority", `priority is ${job.Priority}, must be 1 to ${context.priorityMax}`);
  }
  if (job.Datacenters.includes("")) yield problem(place, "Datacenters", "a datacenter's name is empty");
  if (job.Region !== context.defaultRegion) {
    yield problem(
      place,
      "Region",
      `region ${JSON.stringify(job.Region)} is not known here: this is ${JSON.stringify(context.defaultRegion)}`,
    );
  }
  if ((job.UI?.Description.length ?? 0) > 1000) yield problem(place, "UI.Description", "ui description is longer than 1000 characters");
  for (const [index, link] of (job.UI?.Links ?? []).entries()) {
    if (link.Label === "" || link.URL === "") yield problem(place, `UI.Links[${index}]`, "ui link needs a label and a url");
    else if (!/^https?:\/\//i.test(link.URL))
      yield problem(place, `UI.Links[${index}].URL`, `ui link url ${JSON.stringify(link.URL)} must begin with http:// or https://`);
  }
  if (job.Stop) yield warning(place, "Stop", "Stop is true: the job is registered as stopped and nothing of it will run");
}

export function* checkGroupNames({ job }: Admission): Iterable<Finding> {
  if (job.TaskGroups.length === 0) yield problem(jobPlace(job), "TaskGroups", "has no group: add one with at least one task");
  const seen = new Set<string>();
  for (const [g, group] of job.TaskGroups.entries()) {
    const place = groupPlace(job, g);
    yield* checkName(place, group.Name);
    if (group.Name !== "" && seen.has(group.Name)) yield problem(place, "Name", "another group has the same name");
    seen.add(group.Name);
    if (group.Tasks.length === 0) yield problem(place, "Tasks", "has no task: add at least one");
    const leaders = group.Tasks.filter((task) => task.Leader).length;
    if (leaders > 1) yield problem(place, "Tasks", `has ${leaders} leader tasks, can have only one`);
    yield* checkTaskNames(job, g);
  }
}

function* checkTaskNames(job: Job, g: number): Iterable<Finding> {
  const seen = new Set<string>();
  for (const [t, task] of (job.TaskGroups[g]?.Tasks ?? []).entries()) {
    const place = taskPlace(job, g, t);
    yield* checkName(place, task.Name);
    if (/[/\\]/.test(task.Name)) yield problem(place, "Name", "name contains a slash");
    if (["alloc", ".", ".."].includes(task.Name))
      yield problem(place, "Name", `name ${JSON.stringify(task.Name)} is reserved: it is a directory beside the tasks'`);
    if (task.Name !== "" && seen.has(task.Name)) yield problem(place, "Name", "another task of the group has the same name");
    seen.add(task.Name);
    if (task.Driver === "") yield problem(place, "Driver", `driver is missing: for example driver = "exec"`);
    yield* checkEnvironment(place, task);
  }
}

function* checkName(place: Place, name: string): Iterable<Finding> {
  if (name === "") yield problem(place, "Name", "name is missing");
  if (name === NAME_RESERVED) yield problem(place, "Name", `name ${JSON.stringify(name)} is reserved`);
  if (/\p{Cc}/u.test(name)) yield problem(place, "Name", "name contains a control character");
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) yield problem(place, "Name", `name is longer than ${NAME_BYTES_MAX} bytes`);
}

function* checkEnvironment(place: Place, task: Task): Iterable<Finding> {
  for (const [key, value] of Object.entries(task.Env)) {
    if (key === "" || /[=\0]/.test(key))
      yield problem(place, `Env[${JSON.stringify(key)}]`, `env ${JSON.stringify(key)}: not a variable name`);
    if (value.includes("\0")) yield problem(place, `Env[${JSON.stringify(key)}]`, `env ${JSON.stringify(key)}: value contains a NUL byte`);
  }
}
