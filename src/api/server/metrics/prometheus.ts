/** Gauges as Prometheus' text. A registry of the moment: nothing is remembered between two scrapes. */
import { Gauge as PrometheusGauge, Registry } from "prom-client";
import type { Gauge } from "../../contract/mod.ts";

export const PROMETHEUS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

export async function prometheusText(gauges: readonly Gauge[]): Promise<string> {
  const registry = new Registry();
  for (const [name, all] of Map.groupBy(gauges, ({ Name }) => Name.replaceAll(/[^a-zA-Z0-9_]/g, "_"))) {
    // One name, one set of labels: those that lack one have it empty, which to Prometheus is the same.
    const labelNames = [...new Set(all.flatMap(({ Labels }) => Object.keys(Labels)))];
    const gauge = new PrometheusGauge({ name, help: name, labelNames, registers: [registry] });
    for (const { Value, Labels } of all) gauge.set(Labels, Value);
  }
  return registry.metrics();
}
