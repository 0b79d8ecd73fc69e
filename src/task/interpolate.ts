/**
 * `${…}` in the strings of a task. Pure. nomad.md §2.2.
 *
 *   ${env["X"]}, ${env.X}, ${X}      a variable of the task's environment
 *   ${attr.…} ${meta.…} ${node.…}    what the node is
 *   ${secret.<name>.<key>}           read by a `secret` block of the task
 *   ${sealed.…}                      the value of a sensitive variable of the job, which stands sealed in it
 *
 * What is unknown stays as it was written: a shell script's own `${X}` survives.
 */
import type { Node } from "#model";

export type Names = ReadonlyMap<string, string>;

const REFERENCE = /\$\{\s*(sealed\.[^\s"{}]+|[A-Za-z_][\w./-]*)\s*(?:\[\s*"([^"\]]*)"\s*\])?\s*\}/g;

export function interpolate(text: string, names: Names): string {
  if (!text.includes("${")) return text;
  return text.replace(REFERENCE, (whole: string, name: string, key: string | undefined) => {
    if (key !== undefined) return names.get(name === "env" ? key : `${name}.${key}`) ?? whole;
    return names.get(name.startsWith("env.") ? name.slice(4) : name) ?? whole;
  });
}

/** Every string inside lists and maps; keys are left alone. */
export function interpolateDeep<T>(value: T, names: Names): T {
  if (typeof value === "string") return interpolate(value, names) as T;
  if (Array.isArray(value)) return value.map((each: unknown) => interpolateDeep(each, names)) as T;
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, interpolateDeep(each, names)])) as T;
  }
  return value;
}

/** The names a node answers to. */
export function nodeNames(node: Node, region: string): Map<string, string> {
  const names = new Map<string, string>([
    ["node.unique.id", node.ID],
    ["node.unique.name", node.Name],
    ["node.datacenter", node.Datacenter],
    ["node.class", node.NodeClass],
    ["node.pool", node.NodePool],
    ["node.region", region],
  ]);
  for (const [key, value] of Object.entries(node.Attributes)) names.set(`attr.${key}`, value);
  for (const [key, value] of Object.entries(node.Meta)) names.set(`meta.${key}`, value);
  return names;
}
