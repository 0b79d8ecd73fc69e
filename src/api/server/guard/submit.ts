/** What submitting a job needs depends on the job: its namespace, and the volumes of machines that it mounts. */
import { mayHostVolume, mayInAnyNamespace, mayInNamespace, type Grant } from "#access";
import { canonicalJob } from "#jobspec";
import type { Job } from "#model";
import type { Body } from "../body.ts";
import type { Call, Context } from "../call.ts";
import { requestScope } from "../routes/job-of.ts";
import { requireCapability } from "./admit.ts";
import { denied } from "./denied.ts";

/**
 * Throws 403 unless one of the capabilities is given where the job is to be. The job is read as the servers read it (a field may be written in
 * several ways), so what is judged here is what is stored there.
 */
export function requireSubmit(job: Body, call: Call, context: Context, ...any: readonly string[]): void {
  const { grant } = call;
  if (grant.Management) return;
  if (!any.some((capability) => mayInAnyNamespace(grant, capability))) throw denied(`It needs ${any.join(" or ")} in the job's namespace.`);
  const read = canonicalJob(job.fields, {
    defaultNamespace: requestScope(call).namespace ?? "default",
    defaultRegion: context.region,
    priorityDefault: 50,
    priorityMax: 100,
    countMax: Number.MAX_SAFE_INTEGER,
  });
  requireCapability(grant, read.Namespace, ...any);
  requireVolumes(read, grant);
}

function requireVolumes(job: Job, grant: Grant): void {
  for (const group of job.TaskGroups) {
    for (const volume of Object.values(group.Volumes ?? {})) {
      if (volume.Type === "csi" && !mayInNamespace(grant, job.Namespace, "csi-mount-volume")) throw denied("It needs csi-mount-volume.");
      if (volume.Type !== "csi" && !mayMount(grant, volume.Source, volume.ReadOnly)) {
        throw denied(`It needs host_volume ${volume.ReadOnly ? "mount-readonly" : "mount-readwrite"}.`);
      }
    }
  }
}

function mayMount(grant: Grant, source: string, readOnly: boolean): boolean {
  return mayHostVolume(grant, source, "mount-readwrite") || (readOnly && mayHostVolume(grant, source, "mount-readonly"));
}
