/** Does the node have every driver the group's tasks name, and are they well? nomad.md §6.2 item 3. */
import type { Node, TaskGroup } from "#model";

export const MISSING_DRIVERS = "missing drivers";

export function driversOf(group: TaskGroup): readonly string[] {
  return [...new Set(group.Tasks.map((task) => task.Driver))];
}

export function hasHealthyDrivers(node: Node, drivers: readonly string[]): boolean {
  return drivers.every((name) => node.Drivers[name]?.Detected === true && node.Drivers[name].Healthy);
}

/** A driver that is detected but unwell may recover without the node changing its class. */
export function hasDetectedDrivers(node: Node, drivers: readonly string[]): boolean {
  return drivers.every((name) => node.Drivers[name]?.Detected === true);
}
