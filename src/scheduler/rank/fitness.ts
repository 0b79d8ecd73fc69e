/**
 * How well a node is used once the allocation is on it, 0 to 1. nomad.md §6.3.
 *
 *   binpack   fill machines up:   clamp(20 − (10^freeCpu + 10^freeMemory), 0, 18) / 18
 *   spread    keep them empty:    clamp((10^freeCpu + 10^freeMemory) − 2, 0, 18) / 18
 *
 * Free is the fraction left over. Either is recorded under the name "binpack".
 */
export type Algorithm = "binpack" | "spread";

export function fitness(algorithm: Algorithm, cpuUsed: number, cpuTotal: number, memoryUsed: number, memoryTotal: number): number {
  const freeCpu = cpuTotal > 0 ? 1 - cpuUsed / cpuTotal : 0;
  const freeMemory = memoryTotal > 0 ? 1 - memoryUsed / memoryTotal : 0;
  const spare = 10 ** freeCpu + 10 ** freeMemory;
  return Math.min(18, Math.max(0, algorithm === "binpack" ? 20 - spare : spare - 2)) / 18;
}
