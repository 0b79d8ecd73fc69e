/**
 * How far an allocation is from just what is needed: the nearer, the less is freed for nothing. nomad.md §6.4.
 *
 *   distance = √ Σ over memory, cpu, disk of ((needed − held) / needed)²        what is not needed does not count
 *   penalty  = 50 · ((n + 1) − max_parallel)                                    when n of its group, at least migrate.max_parallel,
 *                                                                               have to go already
 */
import type { Holding } from "#model";

const PENALTY = 50;

export function distanceTo(needed: Holding, held: Holding): number {
  const part = (wanted: number, has: number): number => (wanted > 0 ? ((wanted - has) / wanted) ** 2 : 0);
  return Math.sqrt(part(needed.memory, held.memory) + part(needed.cpu, held.cpu) + part(needed.disk, held.disk));
}

/** `maxParallel`: the group's migrate.max_parallel, 0 for none. `preempted`: of the group, by this plan. */
export function crowdPenalty(preempted: number, maxParallel: number): number {
  return maxParallel > 0 && preempted >= maxParallel ? (preempted + 1 - maxParallel) * PENALTY : 0;
}
