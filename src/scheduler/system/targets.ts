/** Nodes as a system job's group sees them. nomad.md §6.6. */
import type { Job, Node, TaskGroup } from "#model";
import { datacenterTest, inPool } from "../feasible/availability.ts";
import type { Pass } from "../pass.ts";
import type { Spot, SystemInput } from "./decide.ts";

export function targetsOf(pass: Pass, job: Job, group: TaskGroup): Pick<SystemInput, "targets" | "isTarget" | "isFeasible" | "isMeant"> {
  const { nodes } = pass.ledger.columns;
  const available = pass.availability(job);
  const checks = pass.checksOf(job, group);
  const targets = available.slots.map((slot) => ({ slot, node: nodes[slot] as Node }));
  const ids = new Set<string>(targets.map(({ node }) => node.ID));
  const inDatacenter = datacenterTest(job);
  return {
    targets,
    isTarget: (node) => ids.has(node.ID),
    isFeasible: (node) => checks.refusal(node) === undefined,
    isMeant: (node) => inPool(job, node) && inDatacenter(node.Datacenter),
  };
}

/** The spot's node passes the checks of this version; whether it has room is another question. */
export function mayRun(pass: Pass, job: Job | undefined, group: TaskGroup, { slot }: Spot): boolean {
  const node = pass.ledger.columns.nodes[slot];
  return job !== undefined && node !== undefined && pass.checksOf(job, group).refusal(node) === undefined;
}
