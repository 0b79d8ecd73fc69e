/**
 * Ports of a group. nomad.md §1.5. Two steps:
 *
 *   gatherPorts   `network` inside a task's `resources`, as old job files write it, becomes the group's network when the group has
 *                 none (its tasks share one address anyway); ports with a number move to ReservedPorts, those without to DynamicPorts
 *   checkPorts    labels and numbers are unique and in range, one network a group
 */
import type { Job, Network, Port, TaskGroup } from "#model";
import type { Admission } from "./admission.ts";
import { type Finding, type Place, groupPlace, problem, taskPlace, warning } from "./finding.ts";

export function gatherPorts({ job }: Admission): Job {
  return { ...job, TaskGroups: job.TaskGroups.map((group) => gatherGroup(group)) };
}

function gatherGroup(group: TaskGroup): TaskGroup {
  const fromTasks = group.Tasks.flatMap((task) => task.Resources?.Networks ?? []);
  // With networks at both levels it is unclear which is meant: checkPorts refuses, nothing moves.
  if (fromTasks.length === 0 || group.Networks.length > 0) return { ...group, Networks: group.Networks.map(sortPorts) };
  const [first] = fromTasks as [Network];
  const network = {
    ...first,
    MBits: fromTasks.reduce((sum, each) => sum + (each.MBits ?? 0), 0),
    ReservedPorts: fromTasks.flatMap((each) => each.ReservedPorts),
    DynamicPorts: fromTasks.flatMap((each) => each.DynamicPorts),
  };
  return {
    ...group,
    Networks: [sortPorts(network)],
    Tasks: group.Tasks.map((task) => (task.Resources === null ? task : { ...task, Resources: { ...task.Resources, Networks: [] } })),
  };
}

function sortPorts(network: Network): Network {
  const ports = [...network.ReservedPorts, ...network.DynamicPorts].map((port) => ({
    ...port,
    HostNetwork: port.HostNetwork || "default",
  }));
  return { ...network, ReservedPorts: ports.filter((port) => port.Value !== 0), DynamicPorts: ports.filter((port) => port.Value === 0) };
}

/** What is said of the networks as they were written, before they are gathered. */
export function* checkWrittenNetworks({ job }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    for (const [t, task] of group.Tasks.entries()) {
      const networks = task.Resources?.Networks ?? [];
      if (networks.length === 0) continue;
      const place = taskPlace(job, g, t);
      if (group.Networks.length > 0) {
        yield problem(place, "Resources.Networks", `network is asked for in the task's resources and in the group: keep the group's`);
      } else {
        yield warning(place, "Resources.Networks", "network inside resources is deprecated: move the block to the group");
      }
    }
    const bandwidth = [...group.Networks, ...group.Tasks.flatMap((task) => task.Resources?.Networks ?? [])];
    if (bandwidth.some((network) => (network.MBits ?? 0) > 0)) {
      yield warning(groupPlace(job, g), "Networks", "mbits is deprecated and not used: remove it from the network block");
    }
  }
}

export function* checkPorts({ job }: Admission): Iterable<Finding> {
  for (const [g, group] of job.TaskGroups.entries()) {
    const place = groupPlace(job, g);
    if (group.Networks.length > 1)
      yield problem(place, "Networks", `has ${group.Networks.length} network blocks, can use only one: merge them`);
    const ports = group.Networks.flatMap((network, n) =>
      (["ReservedPorts", "DynamicPorts"] as const).flatMap((list) =>
        network[list].map((port): PlacedPort => ({ ...port, path: `Networks[${n}].${list}[${JSON.stringify(port.Label)}]` })),
      ),
    );
    yield* checkLabels(place, ports);
    yield* checkNumbers(place, ports);
  }
}

type PlacedPort = Port & { readonly path: string };

function* checkLabels(place: Place, ports: readonly PlacedPort[]): Iterable<Finding> {
  const seen = new Set<string>();
  for (const port of ports) {
    if (port.Label === "") yield problem(place, "Networks", "a port has no label");
    else if (/[\s\p{Cc}]/u.test(port.Label))
      yield problem(place, port.path, `port label ${JSON.stringify(port.Label)} contains white space`);
    else if (seen.has(port.Label))
      yield problem(place, port.path, `port label ${JSON.stringify(port.Label)} is used twice: give each port of the group its own`);
    seen.add(port.Label);
  }
}

function* checkNumbers(place: Place, ports: readonly PlacedPort[]): Iterable<Finding> {
  const taken = new Map<string, string>();
  for (const port of ports) {
    const name = JSON.stringify(port.Label);
    if (port.Value < 0 || port.Value > 65535)
      yield problem(place, `${port.path}.Value`, `port ${name}: static is ${port.Value}, must be 1 to 65535`);
    if (port.To < -1 || port.To > 65535)
      yield problem(place, `${port.path}.To`, `port ${name}: to is ${port.To}, must be 1 to 65535, or -1 for the host's number`);
    if (port.IgnoreCollision && port.Value === 0)
      yield problem(place, `${port.path}.IgnoreCollision`, `port ${name}: ignore_collision needs a static port`);
    if (port.Value === 0 || port.IgnoreCollision) continue;
    const key = `${port.HostNetwork} ${port.Value}`;
    const other = taken.get(key);
    if (other !== undefined)
      yield problem(place, `${port.path}.Value`, `port ${name}: static ${port.Value} is already taken by port ${other} of the group`);
    taken.set(key, name);
  }
}
