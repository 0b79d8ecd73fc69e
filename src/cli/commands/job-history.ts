/** `drover job history`: nomad.md §4.3, §4.4. */
import type { Job, JobDiff } from "#model";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { namedJob } from "../named-job.ts";
import { keyValues } from "../render/columns.ts";
import { renderJobDiff } from "../render/diff.ts";
import { timestamp } from "../render/time.ts";
import { versionUnknown } from "../resolve.ts";

export const jobHistory: Command = {
  usage: "job history [options] <job>",
  about: "Lists the versions of a job that are kept, newest first; -p shows what each changed.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    p: { kind: "boolean", about: "What each version changed" },
    full: { kind: "boolean", about: "The whole of each version, as JSON" },
    version: { kind: "whole", value: "version", about: "Only this version" },
    "diff-tag": { kind: "text", value: "tag", about: "What differs from the version of this name; implies -p" },
    "diff-version": { kind: "whole", value: "version", about: "What differs from this version; implies -p" },
    verbose: { kind: "boolean", about: "With -p: every field of what is new or gone" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const [tag, base] = [flags.text("diff-tag"), flags.whole("diff-version")];
    if (tag !== undefined && base !== undefined) throw new UsageError("-diff-tag and -diff-version cannot both be given");
    const compared = tag !== undefined || base !== undefined;
    const { namespace, id } = await namedJob(context);
    const { value: body } = await api.jobs.versions(id, compared ? { diffTag: tag, diffVersion: base } : flags.flag("p"), { namespace });
    const wanted = flags.whole("version");
    const versions = body.Versions.filter((each) => wanted === undefined || each.Version === wanted);
    if (wanted !== undefined && versions.length === 0) throw versionUnknown(id, wanted, body.Versions);
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, versions, flags.text("t"));
      return 0;
    }
    if (flags.flag("full")) {
      for (const [position, job] of versions.entries())
        terminal.print(`${position > 0 ? "\n" : ""}Version = ${job.Version}\n${JSON.stringify(job, null, 4)}`);
      return 0;
    }
    const diffs = diffsByVersion(
      body.Versions,
      body.Diffs ?? [],
      compared ? (job) => job.Version === base || job.VersionTag?.Name === tag : undefined,
    );
    for (const [position, job] of versions.entries()) {
      if (position > 0) terminal.print("");
      terminal.print(keyValues(facts(job)));
      const diff = diffs.get(job.Version);
      if (diff !== undefined)
        terminal.print(`Diff        =\n${renderJobDiff(diff, { colours: terminal.colours, verbose: flags.flag("verbose") }).trimEnd()}`);
    }
    return 0;
  },
};

/** The servers leave out what has nothing to be compared with: the oldest version, or the one all others are compared with. */
export function diffsByVersion(
  versions: readonly Job[],
  diffs: readonly JobDiff[],
  isBase: ((job: Job) => boolean) | undefined,
): ReadonlyMap<number, JobDiff> {
  const compared = isBase === undefined ? versions : versions.filter((job) => !isBase(job));
  return new Map(diffs.map((diff, at) => [(compared[at] as Job).Version, diff]));
}

function facts(job: Job): [string, string][] {
  return [
    ["Version", String(job.Version)],
    ["Stable", String(job.Stable)],
    ["Submit Date", timestamp(job.SubmitTime)],
    ...(job.VersionTag === null
      ? []
      : ([
          ["Tag Name", job.VersionTag.Name],
          ["Tag Description", job.VersionTag.Description],
        ] as [string, string][])),
  ];
}
