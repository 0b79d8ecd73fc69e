/** What a job was: its versions, their differences, tags, and the way back to one. nomad.md §3.2. */
import { diffJobs } from "#jobspec";
import type { Job } from "#model";
import type { Snapshot } from "#state";
import { reading } from "../blocking.ts";
import type { Body } from "../body.ts";
import { json, value, type Call, type Handler } from "../call.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { jobIdOf, namespaceOf, sameId } from "./job-of.ts";

/** ?diffs: each version with the one before it; with ?diff_version or ?diff_tag: each with that one. */
export const listVersions: Handler = reading(["jobs"], (snapshot, call, context) => {
  const versions = snapshot.jobVersions(call.namespace, jobIdOf(call));
  const index = versions[0]?.ModifyIndex ?? snapshot.tableIndex("jobs");
  return {
    index,
    answer() {
      if (versions.length === 0) throw notFound("job versions not found");
      const diffs = call.query.flag("diffs", false, true) ? diffsOf(versions, comparedWith(snapshot, call, versions)) : null;
      const texts = versions.map((version) => context.texts.packedJob(version)).join(",");
      return json(
        `{"Versions":[${texts}],"Diffs":${JSON.stringify(diffs)},"Index":${index},"LastContact":0,"KnownLeader":true,"NextToken":""}`,
        {
          index,
        },
      );
    },
  };
});

function diffsOf(versions: readonly Job[], base: Job | undefined) {
  const pairs =
    base === undefined
      ? versions.slice(0, -1).map((version, at) => [versions[at + 1] as Job, version] as const)
      : versions.filter((version) => version.Version !== base.Version).map((version) => [base, version] as const);
  return pairs.map(([from, to]) => diffJobs(from, to, { contextual: true }));
}

function comparedWith(snapshot: Snapshot, call: Call, versions: readonly Job[]): Job | undefined {
  const tag = call.query.text("diff_tag");
  const asked = call.query.text("diff_version");
  if (tag !== "" && asked !== "") throw badRequest("diff_tag and diff_version cannot both be given");
  if (tag !== "") {
    const tagged = versions.find((version) => version.VersionTag?.Name === tag);
    if (tagged === undefined) throw notFound(`tag ${JSON.stringify(tag)} not found`);
    return tagged;
  }
  if (asked === "") return undefined;
  const version = snapshot.jobVersion(call.namespace, jobIdOf(call), call.query.whole("diff_version", 0));
  if (version === undefined) throw notFound(`version ${asked} not found`);
  return version;
}

export const revertJob: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  named(body, call);
  const version = body.maybeWhole("JobVersion");
  if (version === undefined) throw badRequest("Cannot revert job: JobVersion is missing, wanted the version to go back to");
  const answer = await server.revertJob(namespaceOf(call), jobIdOf(call), version, {
    EnforcePriorVersion: body.maybeWhole("EnforcePriorVersion") ?? null,
  });
  return value({ ...answer, LastContact: 0, KnownLeader: true, NextToken: "" }, { index: answer.Index });
};

export const setStability: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  named(body, call);
  const version = body.maybeWhole("JobVersion");
  if (version === undefined) throw badRequest("Cannot change stability of job: JobVersion is missing, wanted a version");
  const { Index } = await server.setJobStability(namespaceOf(call), jobIdOf(call), version, body.flag("Stable"));
  return value({ JobModifyIndex: Index, Index }, { index: Index });
};

/** A body without Version means the current one. */
export const tagVersion: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body(true);
  const Name = call.parameters["tag"] ?? "";
  const Description = body.text("Description");
  const { Index } = await server.tagJobVersion(namespaceOf(call), jobIdOf(call), {
    Name,
    Description,
    Version: body.maybeWhole("Version") ?? null,
  });
  const tagged = context.cluster?.state
    .snapshot()
    .jobVersions(namespaceOf(call), jobIdOf(call))
    .find((version) => version.VersionTag?.Name === Name);
  return value(
    { Name, Description, TaggedTime: tagged?.VersionTag?.TaggedTime ?? 0, Index, LastContact: 0, KnownLeader: true, NextToken: "" },
    { index: Index },
  );
};

export const untagVersion: Handler = async (call, context) => {
  const { Index } = await requireServer(context).untagJobVersion(namespaceOf(call), jobIdOf(call), call.parameters["tag"] ?? "");
  return value({ Name: "", Description: "", TaggedTime: 0, Index, LastContact: 0, KnownLeader: true, NextToken: "" }, { index: Index });
};

/** Clients name the job in the body too. */
function named(body: Body, call: Call): void {
  sameId(call, body.text("JobID"));
}
