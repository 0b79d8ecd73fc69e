/** The group's network: what kind it is, what it is called and what its ports mean inside. nomad.md §1.5. Numbers and labels: ports.ts. */
import { isIP } from "node:net";
import type { Job, Network, Port, TaskGroup } from "#model";
import { nearest } from "#std";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, problem, taskPlace, warning } from "./finding.ts";

const MODES = ["host", "bridge", "none"];
const HOSTNAME_MAX = 253;
const HOSTNAME_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** Its allocations have a network namespace of their own, with a way out. */
export const isOwnNetwork = (mode: string): boolean => mode === "bridge" || mode.startsWith("cni/");
export const isHostNetwork = (mode: string): boolean => mode === "" || mode === "host";

export function* checkNetworks({ job }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    const place = groupPlace(job, g);
    for (const [n, network] of group.Networks.entries()) {
      const field = (name: string) => `Networks[${n}].${name}`;
      yield* checkMode(place, field("Mode"), network);
      yield* checkHostname(place, field("Hostname"), network);
      yield* checkDns(place, field("DNS"), network);
      yield* checkArguments(place, field("CNI"), network);
    }
    yield* checkDrivers(job, g, group);
  }
}

function* checkMode(place: Place, field: string, { Mode: mode, ReservedPorts, DynamicPorts }: Network): Iterable<Finding> {
  if (mode === "" || MODES.includes(mode)) {
    if (mode === "none" && ReservedPorts.length + DynamicPorts.length > 0)
      yield problem(place, field, `network mode is "none", and nothing reaches its ports there: leave them out, or use mode = "bridge"`);
    return;
  }
  if (mode.startsWith("cni/")) {
    const name = mode.slice("cni/".length);
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name))
      yield problem(
        place,
        field,
        `network mode ${JSON.stringify(mode)} names no network: for example mode = "cni/mynet", as its file in cni_config_dir calls it`,
      );
    return;
  }
  const near = nearest(mode, [...MODES, "cni/"]);
  const hint = near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
  yield problem(place, field, `network mode is ${JSON.stringify(mode)}, must be host, bridge, none or cni/NAME${hint}`);
}

function* checkHostname(place: Place, field: string, { Hostname: name, Mode: mode }: Network): Iterable<Finding> {
  if (name === "") return;
  if (isHostNetwork(mode))
    yield problem(
      place,
      field,
      `hostname ${JSON.stringify(name)} is for network mode bridge, none or cni/NAME: in host mode tasks have the machine's name`,
    );
  // What is filled in on the node may be anything that fits.
  const fixed = name.replaceAll(/\$\{[^}]*\}/g, "x");
  if (fixed.length > HOSTNAME_MAX || !fixed.split(".").every((label) => HOSTNAME_LABEL.test(label)))
    yield problem(
      place,
      field,
      `hostname ${JSON.stringify(name)} must be letters, digits and dashes, each part at most 63 and beginning and ending with a letter or digit`,
    );
}

function* checkDns(place: Place, field: string, { DNS }: Network): Iterable<Finding> {
  for (const [index, server] of (DNS?.Servers ?? []).entries()) {
    if (!server.includes("${") && isIP(server) === 0)
      yield problem(place, `${field}.Servers[${index}]`, `dns server ${JSON.stringify(server)} is no IP address: for example "10.0.0.2"`);
  }
  for (const list of ["Searches", "Options"] as const) {
    for (const [index, each] of (DNS?.[list] ?? []).entries()) {
      if (each === "" || /[\s\p{Cc}]/u.test(each))
        yield problem(place, `${field}.${list}[${index}]`, `dns ${list.toLowerCase()} ${JSON.stringify(each)} must be one word`);
    }
  }
}

function* checkArguments(place: Place, field: string, { CNI, Mode: mode }: Network): Iterable<Finding> {
  if (CNI === null) return;
  if (!isOwnNetwork(mode)) yield warning(place, field, "cni has no effect: it is for network mode bridge or cni/NAME");
  for (const [key, value] of Object.entries(CNI.Args)) {
    const at = `${field}.Args[${JSON.stringify(key)}]`;
    if (!/^[A-Za-z0-9_.-]+$/.test(key)) yield problem(place, at, `cni args ${JSON.stringify(key)}: no name for an argument`);
    // CNI_ARGS is one text, K=V;K=V: another argument would begin there.
    if (/[;\0]/.test(value)) yield problem(place, at, `cni args ${JSON.stringify(key)}: the value contains ";", which separates arguments`);
  }
}

/** Undefined: known only once the host's number is. */
export function insidePort(port: Port): number | undefined {
  const number = port.To > 0 ? port.To : port.Value;
  return number > 0 ? number : undefined;
}

/** Docker's own networks and the group's: a container can be in one of them. */
function* checkDrivers(job: Job, g: number, group: TaskGroup): Iterable<Finding> {
  if (!group.Networks.some((network) => isOwnNetwork(network.Mode))) return;
  for (const [t, task] of group.Tasks.entries()) {
    const mode = task.Config["network_mode"];
    if (typeof mode === "string" && mode !== "")
      yield warning(
        taskPlace(job, g, t),
        "Config",
        `network_mode ${JSON.stringify(mode)} takes the task out of the group's network (mode ${JSON.stringify(group.Networks[0]?.Mode)}): leave it out`,
      );
  }
}
