/** Gauges as Prometheus' text. A registry of the moment: nothing is remembered between two scrapes. */
import { Gauge as PrometheusGauge, Registry } from "prom-client";
import type { Gauge } from "../../contract/mod.ts";

export const PROMETHEUS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

export async function prometheusText(gauges: readonly Gauge[]): Promise<string> {
  const registry = new Registry();
  const made = new Map<string, PrometheusGauge>();
  for (const { Name, Value, Labels } of gauges) {
    const name = Name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
    let one = made.get(name);
    if (one === undefined) {
      one = new PrometheusGauge({ name, help: name, labelNames: Object.keys(Labels), registers: [registry] });
      made.set(name, one);
    }
    one.set(Labels, Value);
  }
  return registry.metrics();
}
