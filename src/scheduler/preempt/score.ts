/**
 * How little it matters who has to go, 0 to 1: the lower the priorities and the fewer, the nearer to 1. nomad.md §6.3 "preemption".
 *
 *   net = highest + sum / highest          score = 1 / (1 + e^(0.0048 · (net − 2048)))
 */
const RATE = 0.0048;
const MIDDLE = 2048;

/** `priorities`: of the jobs of those who go, one each. */
export function preemptionScore(priorities: readonly number[]): number {
  const highest = Math.max(0, ...priorities);
  const sum = priorities.reduce((total, each) => total + each, 0);
  const net = highest === 0 ? 0 : highest + sum / highest;
  return 1 / (1 + Math.exp(RATE * (net - MIDDLE)));
}
