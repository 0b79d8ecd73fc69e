/** GET /v1/metrics: gauges of now and how long things took, as go-metrics' JSON or as Prometheus' text. nomad.md §3.5. */
import type { Timing } from "#server";
import { NamedError } from "#std";
import type { Gauge, MetricsAnswer, Sample } from "../../contract/mod.ts";
import { value, type Context, type Handler } from "../call.ts";
import { gauge } from "../metrics/gauge.ts";
import { nodeGauges } from "../metrics/node-gauges.ts";
import { serverGauges } from "../metrics/server-gauges.ts";
import { badRequest } from "../refusal.ts";

export const readMetrics: Handler = async (call, context) => {
  const format = call.query.text("format");
  if (format !== "" && format !== "prometheus") throw badRequest(`Invalid format ${JSON.stringify(format)}, wanted "prometheus" or none`);
  if (format === "prometheus" && context.prometheus !== true) {
    throw new NamedError("API_PROMETHEUS_OFF", "Prometheus is not enabled", {
      statusCode: 415,
      fix: "Set telemetry { prometheus_metrics = true }.",
    });
  }
  const gauges = await gaugesOf(context);
  const timings = (context.server?.timings() ?? []).map((one) => ({ ...one, Name: `nomad.nomad.${one.Name}` }));
  if (format === "") return value(answerOf(gauges, timings, context.clock.nowMs()));
  const { prometheusText, PROMETHEUS_TYPE } = await import("../metrics/prometheus.ts");
  return { kind: "text", text: await prometheusText(gauges, timings), contentType: PROMETHEUS_TYPE, meta: {} };
};

/** Counters: there are none; everything is counted when it is asked for. */
function answerOf(gauges: readonly Gauge[], timings: readonly Timing[], nowMs: number): MetricsAnswer {
  const timestamp = new Date(nowMs)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " +0000 UTC");
  return { Timestamp: timestamp, Gauges: gauges, Points: [], Counters: [], Samples: samplesOf(timings) };
}

/** What was not timed in these ten seconds is left out, as go-metrics does. */
function samplesOf(timings: readonly Timing[]): readonly Sample[] {
  return timings
    .filter(({ Count }) => Count > 0)
    .map(({ Name, Count, Rate, Sum, Min, Max, Mean, Stddev }) => ({ Name, Labels: {}, Count, Rate, Sum, Min, Max, Mean, Stddev }));
}

async function gaugesOf(context: Context): Promise<readonly Gauge[]> {
  const memory = process.memoryUsage();
  const snapshot = await context.cluster?.read();
  return [
    gauge("nomad.runtime.alloc_bytes", memory.heapUsed),
    gauge("nomad.runtime.sys_bytes", memory.rss),
    gauge("nomad.runtime.uptime_seconds", Math.floor(process.uptime())),
    ...(snapshot === undefined ? [] : await serverGauges(snapshot, context)),
    ...(await nodeGauges(snapshot, context)),
  ];
}
