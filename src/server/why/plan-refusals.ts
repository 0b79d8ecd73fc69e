/** What the plan check refused of whom, lately: for people who ask why something is not placed. Bounded; nothing depends on it. */
import { jobKey, type Evaluation } from "#model";
import type { Refusals } from "./missing.ts";

const JOBS_MAX = 1_000;

export interface PlanRefusals {
  /** What became of a plan of the evaluation's job: node → why. Empty: all of it was taken, and what was before is forgotten. */
  note(evaluation: Pick<Evaluation, "Namespace" | "JobID">, rejected: Readonly<Record<string, string>>, nowNs: number): void;
  of(namespace: string, jobId: string): Refusals | undefined;
}

export function createPlanRefusals(): PlanRefusals {
  const byJob = new Map<string, Refusals>();
  return {
    note({ Namespace, JobID }, rejected, nowNs) {
      const key = jobKey({ Namespace, ID: JobID });
      const [first] = Object.entries(rejected);
      const known = byJob.get(key);
      // The latest last: what is forgotten first is what was refused longest ago.
      byJob.delete(key);
      if (first === undefined) return;
      const [nodeId, reason] = first;
      byJob.set(key, { times: (known?.times ?? 0) + 1, nodeId, reason, sinceNs: known?.sinceNs ?? nowNs });
      for (const oldest of byJob.size > JOBS_MAX ? byJob.keys() : []) {
        byJob.delete(oldest);
        break;
      }
    },
    of: (namespace, jobId) => byJob.get(jobKey({ Namespace: namespace, ID: jobId })),
  };
}
