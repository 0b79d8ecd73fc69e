/**
 * What a constraint, affinity or spread talks about: one side of it, read from a node. nomad.md §1.11.
 *
 *   ${node.unique.id} ${node.unique.name} ${node.datacenter} ${node.class} ${node.pool} ${attr.KEY} ${meta.KEY}   or a literal
 */
import type { Node } from "#model";

/** The text on this node; undefined when the node does not have it. */
export type Target = (node: Node) => string | undefined;

/** Reads `text` once, so that asking node after node costs a lookup. A reference to anything unknown is on no node. */
export function compileTarget(text: string): Target {
  const reference = referenceOf(text);
  if (reference === undefined) return () => text;
  switch (reference) {
    case "node.unique.id":
      return (node) => node.ID;
    case "node.unique.name":
      return (node) => node.Name;
    case "node.datacenter":
      return (node) => node.Datacenter;
    case "node.class":
      return (node) => node.NodeClass;
    case "node.pool":
      return (node) => node.NodePool;
  }
  if (reference.startsWith("attr.")) return entryOf("Attributes", reference.slice("attr.".length));
  if (reference.startsWith("meta.")) return entryOf("Meta", reference.slice("meta.".length));
  return () => undefined;
}

/** Nodes of one computed class may differ in it: what is learned of one node says nothing of its class. nomad.md §2.3. */
export function escapesClass(text: string): boolean {
  const reference = referenceOf(text);
  return reference !== undefined && reference.split(".").includes("unique");
}

/** Literal on every node alike. */
export function isLiteral(text: string): boolean {
  return referenceOf(text) === undefined;
}

function referenceOf(text: string): string | undefined {
  return text.startsWith("${") && text.endsWith("}") ? text.slice(2, -1).trim() : undefined;
}

function entryOf(field: "Attributes" | "Meta", key: string): Target {
  return (node) => (Object.hasOwn(node[field], key) ? node[field][key] : undefined);
}
