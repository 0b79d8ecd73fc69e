/** Envoy's numbers by name, from /stats?format=json. Pure. */
export interface Stats {
  readonly counters: ReadonlyMap<string, number>;
  /** By name: what half of all were below, and 99 of 100, since the start. */
  readonly histograms: ReadonlyMap<string, { readonly p50: number; readonly p99: number }>;
}

interface Quantiles {
  readonly supported_quantiles?: readonly number[];
  readonly computed_quantiles?: readonly { readonly name: string; readonly values: readonly { readonly cumulative: number | null }[] }[];
}
interface Written {
  readonly stats?: readonly { readonly name?: string; readonly value?: unknown; readonly histograms?: Quantiles }[];
}

export function readStats(text: string): Stats {
  const counters = new Map<string, number>();
  const histograms = new Map<string, { p50: number; p99: number }>();
  for (const { name, value, histograms: found } of (JSON.parse(text) as Written).stats ?? []) {
    if (name !== undefined && typeof value === "number") counters.set(name, value);
    if (found === undefined) continue;
    const [half, most] = [50, 99].map((quantile) => found.supported_quantiles?.indexOf(quantile) ?? -1) as [number, number];
    for (const each of found.computed_quantiles ?? [])
      histograms.set(each.name, { p50: each.values[half]?.cumulative ?? 0, p99: each.values[most]?.cumulative ?? 0 });
  }
  return { counters, histograms };
}

/** 0 when it is not there. */
export function counterOf(stats: Stats, name: string): number {
  return stats.counters.get(name) ?? 0;
}
