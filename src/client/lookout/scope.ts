/** What a task means by a thing: a namespace it does not name is its own. Things of different meaning must never share a watch. Pure. */
import type { Allocation, Task, TaskGroup } from "#model";
import { thingKey, type Thing } from "#ports";

/** The thing as its source is asked for it. */
export function meantBy(thing: Thing, allocation: Allocation, taskName: string): Thing {
  const own = Object.entries(ownOptions(thing, allocation, taskName)).filter(
    ([name, value]) => value !== "" && (thing.options[name] ?? "") === "",
  );
  return own.length === 0 ? thing : { ...thing, options: { ...thing.options, ...Object.fromEntries(own) } };
}

/** Files lie in each task's own directory: nobody shares them. A Vault token belongs to a namespace, which says what its paths mean. */
export function watchKey(meant: Thing, allocation: Allocation, taskName: string): string {
  if (meant.system === "file") return `${thingKey(meant)}${readerKey(allocation.ID, taskName)}`;
  if (meant.system !== "vault") return thingKey(meant);
  const vault = placeIn(allocation, taskName).task?.Vault;
  return `${thingKey(meant)}${vault?.Cluster ?? ""}/${vault?.Namespace ?? ""}`;
}

export function readerKey(allocation: string, task: string): string {
  return `${allocation}/${task}`;
}

function ownOptions(thing: Thing, allocation: Allocation, taskName: string): Readonly<Record<string, string>> {
  if (thing.system === "nomad") return { ns: allocation.Namespace };
  // Options of a Vault secret are what is written there: nothing may be added.
  if (thing.system !== "consul") return {};
  const { group, task } = placeIn(allocation, taskName);
  const consul: Task["Consul"] = task?.Consul ?? group?.Consul ?? null;
  return { ns: nonDefault(consul?.Namespace), partition: nonDefault(consul?.Partition) };
}

function placeIn(allocation: Allocation, taskName: string): { readonly group: TaskGroup | undefined; readonly task: Task | undefined } {
  const group = allocation.Job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup);
  return { group, task: group?.Tasks.find(({ Name }) => Name === taskName) };
}

/** A Consul without namespaces refuses to hear of any. */
function nonDefault(name: string | undefined): string {
  return name === undefined || name === "default" ? "" : name;
}
