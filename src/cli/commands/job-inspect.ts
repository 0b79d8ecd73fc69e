/** `drover job inspect`: nomad.md §4.3. */
import type { Job } from "#model";
import type { Command } from "../command.ts";
import { printData, DATA_FLAGS } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { resolveJob, versionUnknown } from "../resolve.ts";

export const jobInspect: Command = {
  usage: "job inspect [options] <job>",
  about: "Shows a job as the servers hold it, as JSON; with -hcl the source it was submitted from.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    hcl: { kind: "boolean", about: "The job file it was submitted from" },
    "with-vars": { kind: "boolean", about: "With -hcl: the variables it was submitted with too" },
    version: { kind: "whole", value: "version", about: "An earlier version" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const typed = context.arguments[0];
    if (typed === undefined) throw new UsageError("This command takes one argument: <job>");
    const stub = await resolveJob(context, typed);
    const inNamespace = { namespace: stub.Namespace };
    const wanted = flags.whole("version");

    if (flags.flag("hcl")) {
      const version = wanted ?? (await api.jobs.read(stub.ID, inNamespace)).value.Version;
      const { value: body } = await api.jobs.submission(stub.ID, version, inNamespace);
      terminal.write(body.Source.endsWith("\n") ? body.Source : `${body.Source}\n`);
      if (flags.flag("with-vars")) {
        for (const [key, value] of Object.entries(body.VariableFlags ?? {})) terminal.print(`# -var ${key}=${JSON.stringify(value)}`);
        if (body.Variables !== "") terminal.print(`# variables\n${body.Variables}`);
      }
      return 0;
    }
    printData(terminal, { Job: await readVersion() }, flags.text("t"));
    return 0;

    async function readVersion(): Promise<Job> {
      if (wanted === undefined) return (await api.jobs.read(stub.ID, inNamespace)).value;
      const { value: body } = await api.jobs.versions(stub.ID, false, inNamespace);
      const found = body.Versions.find((each) => each.Version === wanted);
      if (found === undefined) throw versionUnknown(stub.ID, wanted, body.Versions);
      return found;
    }
  },
};
