/** Does the node have the host volumes the group claims? nomad.md §6.2 item 6. CSI volumes are on no node yet. */
import type { Node, TaskGroup } from "#model";

/** Why not; undefined when it does. */
export function missingVolumes(node: Node, group: TaskGroup): string | undefined {
  for (const request of Object.values(group.Volumes)) {
    if (request.Type === "csi") return `CSI volume ${request.Source} not found`;
    const volume = Object.hasOwn(node.HostVolumes, request.Source) ? node.HostVolumes[request.Source] : undefined;
    if (volume === undefined || (volume.ReadOnly && !request.ReadOnly)) return "missing compatible host volumes";
  }
  return undefined;
}
