/** What a benchmark says: one measured value beside its reference and its goal. */
export interface Figure {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  /** The same measured of Nomad 2.0.6 on a machine like this; null where there is none. */
  readonly reference: number | null;
  /** What we want; "≤ 150", "≥ 3750". */
  readonly goal: string;
}

export interface Benchmark {
  readonly name: string;
  readonly about: string;
  run(): Promise<readonly Figure[]>;
}

/** The p-th percentile (0..100) by nearest rank. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))] ?? Number.NaN;
}

/** Does the value keep to the goal? Unknown goals ("") are kept by anything. */
export function keepsTo(figure: Figure): boolean | undefined {
  const match = /^([≤≥]) ([\d.,]+)/.exec(figure.goal);
  if (match === null) return undefined;
  const limit = Number((match[2] as string).replaceAll(",", ""));
  return match[1] === "≤" ? figure.value <= limit : figure.value >= limit;
}
