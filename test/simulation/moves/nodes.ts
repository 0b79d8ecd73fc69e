/** Nodes go, come back, and are emptied. */
import type { NodeId } from "#model";
import { SECOND } from "../shapes.ts";
import { chance, pick, type Stage } from "../stage.ts";

export function loseNode(stage: Stage): void {
  const { world, cutOff, setting } = stage;
  const node = pick(
    stage,
    world.nodes.filter((each) => !cutOff.has(each)),
  );
  if (node === undefined || cutOff.size > setting.nodes / 3) return;
  const crash = chance(stage, 2);
  if (crash) node.crash();
  else node.vanish();
  cutOff.set(node, crash ? "crashed" : "vanished");
}

export async function returnNode(stage: Stage): Promise<void> {
  const node = pick(stage, stage.cutOff.keys());
  if (node === undefined) return;
  stage.cutOff.delete(node);
  await node.connect();
}

export async function drain(stage: Stage): Promise<void> {
  const { world } = stage;
  const node = pick(stage, world.cluster.state.snapshot().nodes());
  if (node === undefined) return;
  const deadlines = [-1, 0, 30 * SECOND, 300 * SECOND];
  const Drain =
    node.DrainStrategy !== null && chance(stage, 2)
      ? null
      : { Deadline: deadlines[world.random.integer(4)] as number, IgnoreSystemJobs: chance(stage, 2) };
  await world.server.drainNode(node.ID, { Drain, MarkEligible: chance(stage, 2), Meta: {} });
}

export async function eligibility(stage: Stage): Promise<void> {
  const node = pick(stage, stage.world.cluster.state.snapshot().nodes());
  const wanted = chance(stage, 2) ? "ineligible" : "eligible";
  if (node !== undefined) await stage.world.server.setNodeEligibility(node.ID as NodeId, wanted);
}
