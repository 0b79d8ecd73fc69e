/** GET /v1/job/:id/why: the pure answer (explain-job.ts), given what only this server knows now. */
import { periodicActive, type JobWhy } from "#model";
import type { Broker } from "../broker/broker.ts";
import type { ServerContext } from "../context.ts";
import { ticksAfter } from "../reconcilers/periodic-rules.ts";
import { explainJob } from "./explain-job.ts";
import type { PlanRefusals } from "./plan-refusals.ts";

export function explain(context: ServerContext, broker: Broker, refusals: PlanRefusals, namespace: string, id: string): JobWhy {
  const snapshot = context.cluster.state.snapshot();
  const job = snapshot.job(namespace, id);
  const [nextLaunch] = job !== undefined && periodicActive(job) ? ticksAfter(job, context.clock.nowMs(), 1) : [];
  const facts = {
    nowNs: context.clock.nowNs(),
    paused: broker.paused,
    position: broker.position,
    refusals: refusals.of,
  };
  return explainJob(snapshot, namespace, id, facts, nextLaunch);
}
