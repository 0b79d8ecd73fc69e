/** What a task means by a thing: a namespace it does not name is its own. Things of different meaning must never share a watch. Pure. */
import type { Allocation, Task } from "#model";
import { thingKey, type Thing } from "#ports";

/** The thing as its source is asked for it. */
export function meantBy(thing: Thing, allocation: Allocation, taskName: string): Thing {
  const own = Object.entries(ownOptions(thing, allocation, taskName)).filter(
    ([name, value]) => value !== "" && (thing.options[name] ?? "") === "",
  );
  return own.length === 0 ? thing : { ...thing, options: { ...thing.options, ...Object.fromEntries(own) } };
}

/** Files lie in each task's own directory: nobody shares them. */
export function watchKey(meant: Thing, allocation: Allocation, taskName: string): string {
  return meant.system === "file" ? `${thingKey(meant)}${readerKey(allocation.ID, taskName)}` : thingKey(meant);
}

export function readerKey(allocation: string, task: string): string {
  return `${allocation}/${task}`;
}

function ownOptions(thing: Thing, allocation: Allocation, taskName: string): Readonly<Record<string, string>> {
  if (thing.system === "nomad") return { ns: allocation.Namespace };
  const group = allocation.Job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup);
  const task = group?.Tasks.find(({ Name }) => Name === taskName);
  if (thing.system === "vault") return { ns: task?.Vault?.Namespace ?? "" };
  if (thing.system !== "consul") return {};
  const consul: Task["Consul"] = task?.Consul ?? group?.Consul ?? null;
  return { ns: nonDefault(consul?.Namespace), partition: nonDefault(consul?.Partition) };
}

/** A Consul without namespaces refuses to hear of any. */
function nonDefault(name: string | undefined): string {
  return name === undefined || name === "default" ? "" : name;
}
