/** What a task is in its group and what it can do beside running: lifecycle, payload, actions, scaling, devices. nomad.md §1.8, §1.9, §1.11. */
import { posix } from "node:path";
import type { DeviceRequest, Job, Task } from "#model";
import type { Admission } from "./admission.ts";
import { constraintProblems, affinityProblems, written } from "./constraints.ts";
import { type Finding, type Place, groupPlace, problem, taskPlace } from "./finding.ts";

const HOOKS = ["prestart", "poststart", "poststop"];
const ACTION_NAME_MAX = 128;
const VERTICAL = ["vertical_cpu", "vertical_mem"];

export function* checkTasks({ job }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    if (group.Tasks.length > 0 && group.Tasks.every((task) => task.Lifecycle !== null)) {
      yield problem(groupPlace(job, g), "Tasks", "has only lifecycle tasks: add a main task, one without a lifecycle block");
    }
    for (const [t, task] of group.Tasks.entries()) {
      const place = taskPlace(job, g, t);
      yield* checkLifecycle(place, task);
      yield* checkPayload(place, job, task);
      yield* checkActions(place, task);
      yield* checkVertical(place, task);
      for (const [d, device] of (task.Resources?.Devices ?? []).entries()) yield* checkDevice(place, d, device);
    }
  }
}

function* checkLifecycle(place: Place, task: Task): Iterable<Finding> {
  const hook = task.Lifecycle?.Hook;
  if (hook === undefined || HOOKS.includes(hook)) return;
  const wanted = "must be prestart, poststart or poststop";
  yield problem(
    place,
    "Lifecycle.Hook",
    hook === "" ? `lifecycle hook is missing: ${wanted}` : `lifecycle hook is ${JSON.stringify(hook)}, ${wanted}`,
  );
}

/** The file lies below the task's local directory. */
function* checkPayload(place: Place, job: Job, task: Task): Iterable<Finding> {
  const file = task.DispatchPayload?.File;
  if (file === undefined) return;
  if (file === "") yield problem(place, "DispatchPayload.File", `dispatch_payload file is missing: for example file = "input.json"`);
  else if (posix.isAbsolute(file) || /^\.\.(\/|$)/.test(posix.normalize(file)) || file.includes("\0"))
    yield problem(
      place,
      "DispatchPayload.File",
      `dispatch_payload file ${JSON.stringify(file)} leaves the task's local directory: name a file in it`,
    );
  if (job.ParameterizedJob?.Payload === "forbidden")
    yield problem(place, "DispatchPayload", 'dispatch_payload never gets one: the job\'s parameterized block has payload = "forbidden"');
}

function* checkActions(place: Place, task: Task): Iterable<Finding> {
  const seen = new Set<string>();
  for (const [index, action] of task.Actions.entries()) {
    const at = (field: string) => `Actions[${index}].${field}`;
    const name = JSON.stringify(action.Name);
    if (action.Name === "") yield problem(place, at("Name"), "action has no name");
    else if (/\s/.test(action.Name)) yield problem(place, at("Name"), `action name ${name} contains white space`);
    else if (action.Name.length > ACTION_NAME_MAX)
      yield problem(place, at("Name"), `action name is longer than ${ACTION_NAME_MAX} characters`);
    else if (seen.has(action.Name)) yield problem(place, at("Name"), `action ${name} is there twice: each needs a name of its own`);
    seen.add(action.Name);
    if (action.Command === "") yield problem(place, at("Command"), `action ${name}: command is missing`);
  }
}

function* checkVertical(place: Place, task: Task): Iterable<Finding> {
  for (const [index, { Type, Min, Max }] of task.ScalingPolicies.entries()) {
    const at = (field: string) => `ScalingPolicies[${index}].${field}`;
    const said = `scaling ${JSON.stringify(Type.replace(/^vertical_/, ""))}`;
    if (!VERTICAL.includes(Type)) yield problem(place, at("Type"), `${said} of a task must be "cpu" or "mem"`);
    if (Max === null) yield problem(place, at("Max"), `${said}: max is missing`);
    else if (Max < (Min ?? 0)) yield problem(place, at("Max"), `${said}: max is ${Max}, must be at least min, ${Min ?? 0}`);
  }
}

function* checkDevice(place: Place, index: number, device: DeviceRequest): Iterable<Finding> {
  const at = (field: string) => `Resources.Devices[${index}]${field}`;
  const parts = device.Name.split("/");
  const name = JSON.stringify(device.Name);
  if (parts.length > 3 || parts.some((part) => part.trim() === "")) {
    yield problem(place, at(".Name"), `device ${name}: must be "type", "vendor/type" or "vendor/type/name"`);
  }
  if (device.Count < 1) yield problem(place, at(".Count"), `device ${name}: count is ${device.Count}, must be at least 1`);
  for (const [c, constraint] of device.Constraints.entries()) {
    for (const text of constraintProblems(constraint, "task"))
      yield problem(place, at(`.Constraints[${c}]`), `device ${name}: constraint ${written(constraint)}: ${text}`);
  }
  for (const [a, affinity] of device.Affinities.entries()) {
    for (const text of affinityProblems(affinity, "task"))
      yield problem(place, at(`.Affinities[${a}]`), `device ${name}: affinity ${written(affinity)}: ${text}`);
  }
}
