/** Can the services be made known, found and checked as they are written? nomad.md §1.6. */
import { type Check, type Job, sameValue, type Service, type TaskGroup } from "#model";
import { formatDuration, nearest } from "#std";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, joined, problem, taskPlace } from "./finding.ts";

const PROVIDERS = ["consul", "nomad"];
const ADDRESS_MODES = ["auto", "host", "driver", "alloc", "alloc_ipv6"];
const ON_UPDATE = ["require_healthy", "ignore_warnings", "ignore"];
const CHECK_TYPES = ["http", "tcp", "grpc", "script"];
const NATIVE_CHECK_TYPES = ["http", "tcp"];
const INITIAL = ["", "passing", "warning", "critical"];
/** Consul's. */
const KINDS = ["api-gateway", "connect-proxy", "ingress-gateway", "mesh-gateway", "terminating-gateway"];
const SECOND_NS = 1e9;
const NOTES_MAX = 255;
const METHODS = /^[A-Z]+$/;

export function* checkServices({ job }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    const labels = new Set(
      group.Networks.flatMap((network) => [...network.ReservedPorts, ...network.DynamicPorts]).map((port) => port.Label),
    );
    const look = { job, group, labels };
    const place = groupPlace(job, g);
    yield* checkProviders(place, group);
    yield* checkEach(place, group.Services, "", look);
    for (const [t, task] of group.Tasks.entries()) yield* checkEach(taskPlace(job, g, t), task.Services, task.Name, look);
  }
}

interface Look {
  readonly job: Job;
  readonly group: TaskGroup;
  /** Of the group's ports. */
  readonly labels: ReadonlySet<string>;
}

/** One reconciler watches over a group: half of it here and half there would be found in neither. */
function* checkProviders(place: Place, group: TaskGroup): Iterable<Finding> {
  const all = [...group.Services, ...group.Tasks.flatMap((task) => task.Services)];
  const providers = [...new Set(all.map((service) => service.Provider))];
  if (providers.length > 1)
    yield problem(place, "Services", `uses the service providers ${providers.join(" and ")}: all services of a group share one`);
}

function* checkEach(place: Place, services: readonly Service[], task: string, look: Look): Iterable<Finding> {
  const seen = new Set<string>();
  for (const [index, service] of services.entries()) {
    const at: Place = {
      path: joined(place.path, `Services[${index}]`),
      words: `Service ${JSON.stringify(service.Name)} of ${place.words.replace(/^[A-Z]/, (letter) => letter.toLowerCase())}`,
    };
    const key = `${service.Name} ${service.PortLabel}`;
    if (seen.has(key))
      yield problem(at, "Name", `is there twice with port ${JSON.stringify(service.PortLabel)}: give one of them another name or port`);
    seen.add(key);
    yield* checkName(at, service);
    yield* checkAddress(at, service, task, look);
    yield* checkWords(at, service, task, look);
    for (const [c, check] of service.Checks.entries()) yield* checkOne(at, c, check, service, task, look);
    // Of one name they may be: two that were given none are.
    if (service.Checks.some((check, c) => service.Checks.slice(0, c).some((other) => sameValue(other, check))))
      yield problem(at, "Checks", "has the same check twice: leave one of them out");
  }
}

function* checkName(at: Place, { Name }: Service): Iterable<Finding> {
  // What is filled in on the node may be anything that fits.
  const fixed = Name.replaceAll(/\$\{[^}]*\}/g, "x");
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i.test(fixed) || fixed.length > 63)
    yield problem(at, "Name", "name must be letters, digits and dashes, at most 63, beginning and ending with a letter or digit");
}

function* checkAddress(at: Place, service: Service, task: string, { group, labels }: Look): Iterable<Finding> {
  const { AddressMode: mode, PortLabel: port } = service;
  if (!ADDRESS_MODES.includes(mode))
    yield problem(at, "AddressMode", `address_mode is ${JSON.stringify(mode)}, must be one of ${ADDRESS_MODES.join(", ")}`);
  if (mode === "driver" && service.Provider === "nomad")
    yield problem(at, "AddressMode", `address_mode driver is for provider "consul": use auto, host or alloc`);
  if (mode === "driver" && task === "" && service.TaskName === "")
    yield problem(at, "AddressMode", "address_mode driver needs a task: put the service in one, or name it with task");
  if (service.Address !== "" && mode !== "auto")
    yield problem(
      at,
      "Address",
      `address ${JSON.stringify(service.Address)} stands instead of address_mode ${mode}: leave one of them out`,
    );
  yield* checkPort(at, "PortLabel", port, labels, mode);
  if (mode.startsWith("alloc") && (group.Networks[0]?.Mode || "host") === "host")
    yield problem(at, "AddressMode", `address_mode ${mode} needs a network of the allocation's own: the group's network mode is host`);
}

function* checkPort(at: Place, field: string, port: string, labels: ReadonlySet<string>, mode: string): Iterable<Finding> {
  if (port === "" || labels.has(port) || port.includes("${")) return;
  if (/^\d+$/.test(port)) {
    if (Number(port) < 1 || Number(port) > 65535) yield problem(at, field, `port is ${port}, must be 1 to 65535`);
    else if (mode === "host")
      yield problem(at, field, `port is the number ${port}, and address_mode host takes the label of a port of the group's network`);
    return;
  }
  const known = [...labels].sort().map((label) => JSON.stringify(label));
  yield problem(
    at,
    field,
    known.length === 0
      ? `port ${JSON.stringify(port)} is no port of the group: add network { port ${JSON.stringify(port)} { } } to it`
      : `port ${JSON.stringify(port)} is no port of the group, which has ${known.join(", ")}`,
  );
}

function* checkWords(at: Place, service: Service, task: string, { group }: Look): Iterable<Finding> {
  const { Provider, TaskName } = service;
  if (!PROVIDERS.includes(Provider)) yield problem(at, "Provider", `provider is ${JSON.stringify(Provider)}, must be consul or nomad`);
  if (!ON_UPDATE.includes(service.OnUpdate))
    yield problem(at, "OnUpdate", `on_update is ${JSON.stringify(service.OnUpdate)}, must be one of ${ON_UPDATE.join(", ")}`);
  if (Provider === "nomad" && service.OnUpdate === "ignore_warnings")
    yield problem(at, "OnUpdate", `on_update ignore_warnings is for provider "consul": its own checks know no warnings`);
  if (task !== "" && TaskName !== "" && TaskName !== task)
    yield problem(at, "TaskName", `task is ${JSON.stringify(TaskName)}, but the service is in task ${JSON.stringify(task)}: leave it out`);
  if (task === "" && TaskName !== "" && !group.Tasks.some((each) => each.Name === TaskName))
    yield problem(at, "TaskName", `task ${JSON.stringify(TaskName)} is not in the group`);
  if (service.Kind !== "" && !KINDS.includes(service.Kind))
    yield problem(at, "Kind", `kind is ${JSON.stringify(service.Kind)}, must be one of ${KINDS.join(", ")}${nearKind(service.Kind)}`);
  if (service.Kind !== "" && service.Provider === "nomad") yield problem(at, "Kind", `kind is for provider "consul"`);
  if (!["", "default"].includes(service.Cluster))
    yield problem(at, "Cluster", `cluster is ${JSON.stringify(service.Cluster)}, and there is one Consul: leave it out`);
  for (const side of ["Passing", "Warning"] as const) {
    const weight = service.Weights?.[side] ?? 1;
    if (weight < 0 || weight > 65_535)
      yield problem(at, `Weights.${side}`, `weights ${side.toLowerCase()} is ${weight}, must be 0 to 65535`);
  }
}

function* checkOne(at: Place, index: number, check: Check, service: Service, task: string, look: Look): Iterable<Finding> {
  const field = (name: string) => `Checks[${index}].${name}`;
  const say = (name: string, text: string) => problem(at, field(name), `check ${JSON.stringify(check.Name)}: ${text}`);
  const types = service.Provider === "nomad" ? NATIVE_CHECK_TYPES : CHECK_TYPES;
  if (check.Type === "") yield say("Type", `type is missing: one of ${types.join(", ")}`);
  else if (!types.includes(check.Type))
    yield say(
      "Type",
      `type is ${JSON.stringify(check.Type)}, with provider ${JSON.stringify(service.Provider)} it must be one of ${types.join(", ")}`,
    );
  for (const [name, word] of [
    ["Interval", "interval"],
    ["Timeout", "timeout"],
  ] as const) {
    if (check[name] === 0) yield say(name, `${word} is missing: for example ${word} = "${word === "interval" ? "10s" : "2s"}"`);
    else if (check[name] < SECOND_NS) yield say(name, `${word} is ${formatDuration(check[name])}, must be at least 1s`);
  }
  yield* checkReach(at, index, check, service, task, look, say);
  if (!INITIAL.includes(check.InitialStatus))
    yield say("InitialStatus", `initial_status is ${JSON.stringify(check.InitialStatus)}, must be passing, warning or critical`);
  if (!ON_UPDATE.includes(check.OnUpdate))
    yield say("OnUpdate", `on_update is ${JSON.stringify(check.OnUpdate)}, must be one of ${ON_UPDATE.join(", ")}`);
  if (check.Notes.length > NOTES_MAX) yield say("Notes", `notes are longer than ${NOTES_MAX} characters`);
  yield* checkRestart(check, say);
  yield* checkCounts(check, service, say);
  if (service.Provider === "nomad") yield* checkNative(check, say);
}

type Say = (name: string, text: string) => Finding;

function* checkReach(at: Place, index: number, check: Check, service: Service, task: string, look: Look, say: Say): Iterable<Finding> {
  if (check.Type === "script") {
    if (check.Command === "") yield say("Command", "command is missing: the program to run in the task");
    const within = check.TaskName || service.TaskName || task;
    if (within === "") yield say("TaskName", "a script runs inside a task: name it with task, or put the service in a task");
    else if (!look.group.Tasks.some((each) => each.Name === within))
      yield say("TaskName", `task ${JSON.stringify(within)} is not in the group`);
    return;
  }
  const port = check.PortLabel || service.PortLabel;
  if (port === "" && check.Type !== "") yield say("PortLabel", "there is no port to look at: give the check or its service one");
  const mode = check.AddressMode || service.AddressMode;
  if (!ADDRESS_MODES.includes(mode))
    yield say("AddressMode", `address_mode is ${JSON.stringify(mode)}, must be one of ${ADDRESS_MODES.join(", ")}`);
  yield* checkPort(at, `Checks[${index}].PortLabel`, check.PortLabel, look.labels, mode);
  if (check.Type !== "http") return;
  if (check.Path === "") yield say("Path", `path is missing: for example path = "/health"`);
  else if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(check.Path))
    yield say("Path", `path is ${JSON.stringify(check.Path)}, must be the path alone, as "/health"`);
  if (!["", "http", "https"].includes(check.Protocol))
    yield say("Protocol", `protocol is ${JSON.stringify(check.Protocol)}, must be http or https`);
  if (check.Method !== "" && !METHODS.test(check.Method))
    yield say("Method", `method is ${JSON.stringify(check.Method)}, must be an HTTP method as GET`);
}

function* checkRestart(check: Check, say: Say): Iterable<Finding> {
  const restart = check.CheckRestart;
  if (restart === null) return;
  if (restart.Limit < 0) yield say("CheckRestart.Limit", `check_restart limit is ${restart.Limit}, must be at least 1, or 0 for never`);
  if ((restart.Grace ?? 0) < 0) yield say("CheckRestart.Grace", "check_restart grace is negative");
  if (restart.Limit === 0) return;
  // An update would call well what the restart calls broken.
  if (check.OnUpdate === "ignore")
    yield say("OnUpdate", "on_update ignore with check_restart: a check that counts for nothing restarts nothing");
  if (check.OnUpdate === "ignore_warnings" && !restart.IgnoreWarnings)
    yield say("OnUpdate", "on_update ignore_warnings needs check_restart { ignore_warnings = true }");
}

function* checkCounts(check: Check, service: Service, say: Say): Iterable<Finding> {
  for (const [name, word] of [
    ["SuccessBeforePassing", "success_before_passing"],
    ["FailuresBeforeCritical", "failures_before_critical"],
    ["FailuresBeforeWarning", "failures_before_warning"],
  ] as const) {
    if (check[name] < 0) yield say(name, `${word} is ${check[name]}, must be at least 0`);
    else if (check[name] > 0 && service.Provider === "nomad") yield say(name, `${word} is for provider "consul"`);
    else if (check[name] > 0 && check.Type === "script") yield say(name, `${word} is not for script checks`);
  }
}

function* checkNative(check: Check, say: Say): Iterable<Finding> {
  const refused: readonly (readonly [boolean, string, string])[] = [
    [check.OnUpdate === "ignore_warnings", "OnUpdate", "on_update ignore_warnings"],
    [check.CheckRestart?.IgnoreWarnings === true, "CheckRestart.IgnoreWarnings", "check_restart ignore_warnings"],
    [check.AddressMode === "driver", "AddressMode", "address_mode driver"],
    [check.TLSServerName !== "", "TLSServerName", "tls_server_name"],
    [check.InitialStatus === "warning", "InitialStatus", "initial_status warning"],
    [check.Expose, "Expose", "expose"],
  ];
  for (const [present, field, what] of refused) if (present) yield say(field, `${what} is for provider "consul"`);
}

function nearKind(kind: string): string {
  const near = nearest(kind, KINDS);
  return near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
}
