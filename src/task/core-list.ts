/** Cores as the kernel lists them: 0, 1, 2, 5 → "0-2,5". Pure. */
export function coreList(cores: readonly number[]): string {
  const sorted = [...new Set(cores)].toSorted((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const core of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && core === last[1] + 1) last[1] = core;
    else ranges.push([core, core]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
