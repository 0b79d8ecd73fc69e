/** `drover job revert`: nomad.md §4.3. */
import type { Job } from "#model";
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { followEvaluation, FOLLOW_FLAGS } from "../follow.ts";
import { jobCalled } from "../named-job.ts";
import { versionUnknown } from "../resolve.ts";

export const jobRevert: Command = {
  usage: "job revert [options] <job> <version|tag>",
  about:
    "Takes a job back to an earlier version, which becomes its newest. The version is named by its number or its tag (see job history).",
  connects: true,
  flags: FOLLOW_FLAGS,
  async run(context) {
    const [typed, wanted] = context.arguments;
    if (typed === undefined || wanted === undefined || context.arguments.length > 2)
      throw new UsageError("This command takes two arguments: <job> <version|tag>");
    const { namespace, id } = await jobCalled(context, typed);
    const { value: body } = await context.api.jobs.versions(id, false, { namespace });
    const version = versionNamed(id, wanted, body.Versions);
    const { value: answer } = await context.api.jobs.revert(id, version, {}, { namespace });
    return followEvaluation(context, answer.EvalID, { without: "Job revert successful" });
  },
};

/** Digits are a number, never a tag. */
export function versionNamed(job: string, wanted: string, versions: readonly Pick<Job, "Version" | "VersionTag">[]): number {
  if (/^\d+$/.test(wanted)) {
    if (!versions.some((each) => each.Version === Number(wanted))) throw versionUnknown(job, Number(wanted), versions);
    return Number(wanted);
  }
  const tagged = versions.find((each) => each.VersionTag?.Name === wanted);
  if (tagged !== undefined) return tagged.Version;
  const tags = versions.flatMap((each) => each.VersionTag?.Name ?? []);
  throw new NamedError(
    "JOB_VERSION_UNKNOWN",
    `Job ${JSON.stringify(job)} has no version tagged ${JSON.stringify(wanted)}: ${tags.length === 0 ? "none is tagged" : `its tags are ${tags.join(", ")}`}`,
  );
}
