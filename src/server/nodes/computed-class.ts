/**
 * Nodes of one class are alike to every constraint that does not name a unique attribute: what is tried on one need not be tried on
 * the next. The class is a digest of exactly what such a constraint can see. nomad.md §7 "Computed class".
 */
import { createHash } from "node:crypto";
import type { Node } from "#model";

export function computedClass(
  node: Pick<Node, "Datacenter" | "NodeClass" | "NodePool" | "Attributes" | "Meta" | "NodeResources" | "Drivers">,
): string {
  const seen = [
    node.Datacenter,
    node.NodeClass,
    node.NodePool,
    shared(node.Attributes),
    shared(node.Meta),
    // Drover's addition: a driver that turns unhealthy leaves no attribute, and must still change what fits here.
    Object.entries(node.Drivers)
      .map(([name, info]) => [name, info.Detected && info.Healthy])
      .sort(byKey),
    node.NodeResources.Devices,
  ];
  return `v1:${createHash("sha256").update(JSON.stringify(seen)).digest("base64url").slice(0, 22)}`;
}

function shared(values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values)
    .filter(([key]) => !key.startsWith("unique."))
    .sort(byKey);
}

function byKey(a: readonly unknown[], b: readonly unknown[]): number {
  return String(a[0]) < String(b[0]) ? -1 : 1;
}
