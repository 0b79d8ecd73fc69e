/** The table of nodes that node status and node pool nodes share. nomad.md §4.4. Pure. */
import type { NodeStub } from "#api/contract";
import type { Palette } from "./colour.ts";
import { table } from "./columns.ts";

export interface NodeTable {
  readonly verbose: boolean;
  readonly os: boolean;
  /** How many allocations run on each node; undefined: not shown. */
  readonly running: readonly number[] | undefined;
  readonly colours: Palette;
}

export function nodeTable(nodes: readonly NodeStub[], { verbose, os, running, colours }: NodeTable): string {
  const header = [
    "ID",
    "Node Pool",
    "DC",
    "Name",
    "Class",
    ...(os ? ["OS"] : []),
    ...(verbose ? ["Address", "Version"] : []),
    "Drain",
    "Eligibility",
    "Status",
    ...(running === undefined ? [] : ["Running Allocs"]),
  ];
  const rows = nodes.map((node, position) => [
    verbose ? node.ID : node.ID.slice(0, 8),
    node.NodePool,
    node.Datacenter,
    node.Name,
    node.NodeClass,
    ...(os ? [node.Attributes?.["os.name"] ?? ""] : []),
    ...(verbose ? [node.Address, node.Version] : []),
    String(node.Drain),
    node.SchedulingEligibility,
    paintNodeStatus(node.Status, colours),
    ...(running === undefined ? [] : [String(running[position] ?? 0)]),
  ]);
  return table([header, ...rows]);
}

export function paintNodeStatus(status: string, colours: Palette): string {
  return status === "ready" ? colours.green(status) : status === "down" ? colours.red(status) : colours.yellow(status);
}
