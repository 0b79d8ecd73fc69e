/**
 * Where the job would rather be: the weights of the affinities a node satisfies over the sum of all weights' sizes, −1 to 1.
 * Those of job, group and tasks count together. nomad.md §6.3 "node-affinity".
 */
import type { Affinity, Job, Node, TaskGroup } from "#model";
import { compileConstraint } from "../feasible/constraint.ts";

/** Undefined when there are no affinities: then nothing is added to the mean. */
export function compileAffinities(job: Job, group: TaskGroup): ((node: Node) => number) | undefined {
  const affinities: readonly Affinity[] = [...job.Affinities, ...group.Affinities, ...group.Tasks.flatMap((task) => task.Affinities)];
  const whole = affinities.reduce((sum, affinity) => sum + Math.abs(affinity.Weight), 0);
  if (whole === 0) return undefined;
  const tests = affinities.map((affinity) => ({ weight: affinity.Weight, passes: compileConstraint(affinity).passes }));
  return (node) => tests.reduce((sum, test) => (test.passes(node) ? sum + test.weight : sum), 0) / whole;
}
