/** GET /v1/metrics: gauges of now, as go-metrics' JSON or as Prometheus' text. nomad.md §3.5. */
import { NamedError } from "#std";
import type { Snapshot } from "#state";
import type { Gauge, MetricsAnswer } from "../../contract/mod.ts";
import { value, type Context, type Handler } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { collect } from "../listing/slices.ts";

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
  if (format === "") return value(answerOf(gauges, context.clock.nowMs()));
  const { prometheusText, PROMETHEUS_TYPE } = await import("./prometheus.ts");
  return { kind: "text", text: await prometheusText(gauges), contentType: PROMETHEUS_TYPE, meta: {} };
};

function answerOf(gauges: readonly Gauge[], nowMs: number): MetricsAnswer {
  const timestamp = new Date(nowMs)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " +0000 UTC");
  return { Timestamp: timestamp, Gauges: gauges, Points: [], Counters: [], Samples: [] };
}

async function gaugesOf(context: Context): Promise<readonly Gauge[]> {
  const memory = process.memoryUsage();
  const gauges: Gauge[] = [
    gauge("nomad.runtime.alloc_bytes", memory.heapUsed),
    gauge("nomad.runtime.sys_bytes", memory.rss),
    gauge("nomad.runtime.uptime_seconds", Math.floor(process.uptime())),
  ];
  if (context.cluster !== null) {
    const snapshot = await context.cluster.read();
    gauges.push(gauge("nomad.nomad.state.index", snapshot.index), gauge("nomad.nomad.nodes", snapshot.nodeCount));
    gauges.push(...(await jobGauges(snapshot)), ...nodeGauges(snapshot));
  }
  for (const [name, count] of Object.entries(context.server?.statistics() ?? {})) gauges.push(gauge(`nomad.nomad.${snake(name)}`, count));
  return gauges;
}

async function jobGauges(snapshot: Snapshot): Promise<Gauge[]> {
  const status: Record<string, number> = { pending: 0, running: 0, dead: 0 };
  const gauges: Gauge[] = [];
  await collect(snapshot.jobs("*"), (job) => {
    status[job.Status] = (status[job.Status] ?? 0) + 1;
    for (const [group, counts] of Object.entries(snapshot.jobSummary(job.Namespace, job.ID)?.Summary ?? {})) {
      const labels = { exported_job: job.ID, task_group: group, namespace: job.Namespace };
      for (const [name, count] of Object.entries(counts)) gauges.push(gauge(`nomad.nomad.job_summary.${snake(name)}`, count, labels));
    }
    return false;
  });
  return [...Object.entries(status).map(([name, count]) => gauge(`nomad.nomad.job_status.${name}`, count)), ...gauges];
}

/** Nodes by status: what they are, not what runs on them. */
function nodeGauges(snapshot: Snapshot): Gauge[] {
  const counts = new Map<string, number>();
  for (const node of snapshot.nodes()) counts.set(node.Status, (counts.get(node.Status) ?? 0) + 1);
  return [...counts].map(([status, count]) => gauge("nomad.nomad.node_status", count, { node_status: status }));
}

function gauge(Name: string, Value: number, Labels: Readonly<Record<string, string>> = {}): Gauge {
  return { Name, Value, Labels };
}

/** "EvaluationsReady" and "evaluationsReady" → "evaluations_ready" */
function snake(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
}
