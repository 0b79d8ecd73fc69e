/** `drover job tag apply`, `job tag unset`: a version by a name, and kept while it has one. nomad.md §4.3. */
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { namedJob } from "../named-job.ts";

export const jobTagApply: Command = {
  usage: "job tag apply [options] <job>",
  about: "Gives a version of a job a name. A version with a name is kept however many come after it.",
  connects: true,
  flags: {
    name: { kind: "text", value: "tag", about: "The name; required" },
    description: { kind: "text", value: "text", about: "A word about it" },
    version: { kind: "whole", value: "version", about: "Which version (default: the current one)" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const name = flags.text("name") ?? "";
    if (name === "") throw new UsageError("A version tag name must be specified using the -name flag");
    const { namespace, id } = await namedJob(context);
    const version = flags.whole("version");
    const { value: versions } = await api.jobs.versions(id, false, { namespace });
    await api.jobs.tagVersion(
      id,
      name,
      { description: flags.text("description") ?? "", ...(version === undefined ? {} : { version }) },
      { namespace },
    );
    const tagged = version ?? versions.Versions[0]?.Version ?? 0;
    terminal.print(`Job version ${tagged} tagged with name ${JSON.stringify(name)}`);
    return 0;
  },
};

export const jobTagUnset: Command = {
  usage: "job tag unset [options] <job>",
  about: "Takes a version's name away. The version goes when it is old enough.",
  connects: true,
  flags: { name: { kind: "text", value: "tag", about: "The name; required" } },
  async run(context) {
    const { flags, terminal, api } = context;
    const name = flags.text("name") ?? "";
    if (name === "") throw new UsageError("A version tag name must be specified using the -name flag");
    const { namespace, id } = await namedJob(context);
    await api.jobs.untagVersion(id, name, { namespace });
    terminal.print(`Tag ${JSON.stringify(name)} removed from job ${JSON.stringify(id)}`);
    return 0;
  },
};
