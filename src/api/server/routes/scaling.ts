/** /v1/scaling: the policies autoscalers act on. Derived from the jobs' `scaling` blocks, stored nowhere else. nomad.md §3.2. */
import { createHash } from "node:crypto";
import type { Job, Scaling, ScalingPolicy } from "#model";
import type { Snapshot } from "#state";
import { reading } from "../blocking.ts";
import { list, value, type Handler } from "../call.ts";
import { both, visible } from "../guard/visible.ts";
import { byId, compareText } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { collect, sortInSlices } from "../listing/slices.ts";
import { notFound } from "../refusal.ts";

const NEEDED = ["list-scaling-policies", "read-job"];

/** ?job, ?type ("horizontal", "vertical_cpu", …), ?prefix of the id. */
export const listPolicies: Handler = reading(["jobs"], (snapshot, call) => {
  const index = snapshot.tableIndex("jobs");
  return {
    index,
    async answer() {
      const prefix = call.query.text("prefix");
      const job = call.query.text("job");
      const type = call.query.text("type");
      const wanted = (policy: ScalingPolicy) =>
        policy.ID.startsWith(prefix) && (job === "" || policy.Target["Job"] === job) && (type === "" || policy.Type === type);
      const policies = await collect(policiesIn(snapshot, call.namespace), both(wanted, visible(call.grant, NEEDED)) ?? wanted);
      const sorted = await sortInSlices(policies, (a, b) => compareText(a.ID, b.ID));
      const found = await page(call, sorted, byId<ScalingPolicy>());
      return list(found.items, stubText, { index, nextToken: found.nextToken });
    },
  };
});

export const readPolicy: Handler = reading(["jobs"], (snapshot, call) => {
  const found = policiesIn(snapshot, "*").find((policy) => policy.ID === call.parameters["id"]);
  const index = found?.ModifyIndex ?? snapshot.tableIndex("jobs");
  return {
    index,
    answer() {
      if (found === undefined) throw notFound("policy not found");
      return value(found, { index });
    },
  };
});

function stubText({ ID, Enabled, Type, Target, CreateIndex, ModifyIndex }: ScalingPolicy): string {
  return JSON.stringify({ ID, Enabled, Type, Target, CreateIndex, ModifyIndex });
}

/** Of the jobs that are not stopped. */
export function* policiesIn(snapshot: Snapshot, namespace: string): Generator<ScalingPolicy> {
  for (const job of snapshot.jobs(namespace)) if (!job.Stop) yield* policiesOf(job);
}

function* policiesOf(job: Job): Generator<ScalingPolicy> {
  for (const group of job.TaskGroups) {
    if (group.Scaling !== null) yield policyOf(job, group.Scaling, group.Scaling.Type || "horizontal", { Group: group.Name });
    for (const task of group.Tasks) {
      for (const scaling of task.ScalingPolicies)
        yield policyOf(job, scaling, vertical(scaling.Type), { Group: group.Name, Task: task.Name });
    }
  }
}

/** `scaling "cpu" {}` of a task is of type vertical_cpu. */
function vertical(type: string): string {
  return type.startsWith("vertical_") ? type : `vertical_${type}`;
}

function policyOf(job: Job, scaling: Scaling, type: string, place: { readonly Group: string; readonly Task?: string }): ScalingPolicy {
  return {
    ID: policyId([job.Namespace, job.ID, place.Group, place.Task ?? "", type]),
    Namespace: job.Namespace,
    Type: type,
    Target: { Namespace: job.Namespace, Job: job.ID, ...place },
    Min: scaling.Min ?? 0,
    Max: scaling.Max ?? 0,
    Policy: scaling.Policy,
    Enabled: scaling.Enabled ?? true,
    CreateIndex: job.CreateIndex,
    ModifyIndex: job.JobModifyIndex,
  };
}

/** The same for the same block, as long as it is there: a UUID made of what it names. */
function policyId(parts: readonly string[]): string {
  const hex = createHash("sha256").update(parts.join("\u0000")).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
