/** What the servers know: jobs, nodes, evaluations that wait. nomad.md §3.5. */
import type { Job } from "#model";
import type { Snapshot } from "#state";
import type { Gauge } from "../../contract/mod.ts";
import type { Context } from "../call.ts";
import { collect } from "../listing/slices.ts";
import { gauge, snake } from "./gauge.ts";

export async function serverGauges(snapshot: Snapshot, context: Context): Promise<readonly Gauge[]> {
  return [
    gauge("nomad.raft.appliedIndex", snapshot.index),
    gauge("nomad.raft.lastIndex", snapshot.index),
    ...(await jobGauges(snapshot)),
    ...nodeGauges(snapshot),
    // "broker.total_ready", "blocked_evals.total_blocked", "heartbeat.active", …
    ...Object.entries(context.server?.statistics() ?? {}).map(([name, count]) => gauge(`nomad.nomad.${name}`, count)),
  ];
}

async function jobGauges(snapshot: Snapshot): Promise<readonly Gauge[]> {
  const status: Record<string, number> = { pending: 0, running: 0, dead: 0 };
  const gauges: Gauge[] = [];
  await collect(snapshot.jobs("*"), (job) => {
    status[job.Status] = (status[job.Status] ?? 0) + 1;
    for (const [group, counts] of Object.entries(snapshot.jobSummary(job.Namespace, job.ID)?.Summary ?? {})) {
      const labels = { job: job.ID, task_group: group, namespace: job.Namespace, ...parentLabels(job) };
      for (const [name, count] of Object.entries(counts)) gauges.push(gauge(`nomad.nomad.job_summary.${snake(name)}`, count, labels));
    }
    return false;
  });
  return [...Object.entries(status).map(([name, count]) => gauge(`nomad.nomad.job_status.${name}`, count)), ...gauges];
}

/** Of a child: whose it is, and which one. Its own name differs with every launch. */
export function parentLabels(job: Pick<Job, "ID" | "ParentID">): Readonly<Record<string, string>> {
  if (job.ParentID === "") return {};
  const own = job.ID.slice(job.ParentID.length + 1);
  const kind = own.startsWith("dispatch-") ? "dispatch" : own.startsWith("periodic-") ? "periodic" : "";
  return { parent_id: job.ParentID, ...(kind === "" ? {} : { [`${kind}_id`]: own.slice(kind.length + 1) }) };
}

/** Nodes by status: what they are, not what runs on them. */
function nodeGauges(snapshot: Snapshot): readonly Gauge[] {
  const counts = Map.groupBy(snapshot.nodes(), (node) => node.Status);
  return [...counts].map(([status, nodes]) => gauge("nomad.nomad.node_status", nodes.length, { node_status: status }));
}
