/**
 * How everything of an allocation's network is called: `drover-<owner, 8 hex digits>-<allocation id>`. It is the namespace's name, the CNI
 * container id, the content of its leases and the comment of its rules.
 */
import { createHash } from "node:crypto";
import type { AllocationId } from "#model";

export const NAMESPACES_DIRECTORY = "/run/netns";

export function labelOf(owner: string, id: AllocationId): string {
  return `drover-${owner}-${id}`;
}

export interface Label {
  readonly owner: string;
  readonly id: AllocationId;
}

/** undefined: none of Drover's. */
export function readLabel(name: string): Label | undefined {
  const match = /^drover-([0-9a-f]{8})-([A-Za-z0-9-]+)$/.exec(name);
  return match === null ? undefined : { owner: match[1] as string, id: match[2] as AllocationId };
}

export function namespacePath(label: string): string {
  return `${NAMESPACES_DIRECTORY}/${label}`;
}

/** The chains that the plugins bridge (masquerading) and portmap name after a network and a container: the only way to find one that nothing leads to yet. */
export function chainsOf(network: string, label: string): readonly string[] {
  const digest = createHash("sha512")
    .update(network + label)
    .digest("hex");
  return [masqueradeChainOf(network, label), `CNI-DN-${digest.slice(0, 21)}`, `CNI-SN-${digest.slice(0, 21)}`];
}

export function masqueradeChainOf(network: string, label: string): string {
  const digest = createHash("sha512")
    .update(network + label)
    .digest("hex");
  return `CNI-${digest.slice(0, 24)}`;
}
