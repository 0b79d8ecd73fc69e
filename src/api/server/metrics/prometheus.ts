/** Gauges and timings as Prometheus' text. A registry of the moment: nothing is remembered between two scrapes. */
import { Gauge as PrometheusGauge, Registry } from "prom-client";
import type { Timing } from "#server";
import type { Gauge } from "../../contract/mod.ts";

export const PROMETHEUS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

export async function prometheusText(gauges: readonly Gauge[], timings: readonly Timing[]): Promise<string> {
  const registry = new Registry();
  for (const [name, all] of Map.groupBy(gauges, ({ Name }) => nameOf(Name))) {
    // One name, one set of labels: those that lack one have it empty, which to Prometheus is the same.
    const labelNames = [...new Set(all.flatMap(({ Labels }) => Object.keys(Labels)))];
    const gauge = new PrometheusGauge({ name, help: name, labelNames, registers: [registry] });
    for (const { Value, Labels } of all) gauge.set(Labels, Value);
  }
  return [(await registry.metrics()).trimEnd(), ...timings.flatMap(summaryLines)].join("\n\n").concat("\n");
}

/** A summary: quantiles of the last ten seconds (NaN: nothing was timed), count and sum since the start. */
function summaryLines({ Name, Quantiles, TotalCount, TotalSum }: Timing): string {
  const name = nameOf(Name);
  return [
    `# HELP ${name} ${name}`,
    `# TYPE ${name} summary`,
    ...Quantiles.map(([at, value]) => `${name}{quantile="${at}"} ${value}`),
    `${name}_sum ${TotalSum}`,
    `${name}_count ${TotalCount}`,
  ].join("\n");
}

function nameOf(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
}
