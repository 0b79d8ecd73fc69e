/** `drover job inspect`: nomad.md §4.3. */
import type { Job, JobSubmission } from "#model";
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { printData, DATA_FLAGS } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { resolveJob, versionUnknown } from "../resolve.ts";

export const jobInspect: Command = {
  usage: "job inspect [options] <job>",
  about: `Shows a job as the servers hold it, as JSON: {"Job": {…}}, with -json or -t the Job alone; with -hcl as a job file: the one it was submitted from or, where none was kept
(it came as JSON, or was too large), one written anew that gives the same job.`,
  connects: true,
  flags: {
    ...DATA_FLAGS,
    hcl: { kind: "boolean", about: "As a job file" },
    rendered: { kind: "boolean", about: "With -hcl: written anew from the job, also where the file it was submitted from was kept" },
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
      const submission = flags.flag("rendered") ? undefined : await readSource();
      if (submission === undefined) {
        const { renderJob } = await import("#jobspec");
        terminal.write(renderJob(await readVersion(), { lean: true }));
        return 0;
      }
      terminal.write(submission.Source.endsWith("\n") ? submission.Source : `${submission.Source}\n`);
      if (flags.flag("with-vars")) {
        for (const [key, value] of Object.entries(submission.VariableFlags ?? {})) terminal.print(`# -var ${key}=${JSON.stringify(value)}`);
        if (submission.Variables !== "") terminal.print(`# variables\n${submission.Variables}`);
      }
      return 0;
    }
    // With -json and -t Nomad leaves out the wrapping its API and `job run -json` know.
    const job = await readVersion();
    printData(terminal, flags.flag("json") || flags.given("t") ? job : { Job: job }, flags.text("t"));
    return 0;

    /** Undefined when no job file was kept. */
    async function readSource(): Promise<JobSubmission | undefined> {
      try {
        const version = wanted ?? (await api.jobs.read(stub.ID, inNamespace)).value.Version;
        const { value } = await api.jobs.submission(stub.ID, version, inNamespace);
        return value.Format === "hcl2" ? value : undefined;
      } catch (error) {
        if (error instanceof NamedError && error.statusCode === 404) return undefined;
        throw error;
      }
    }

    async function readVersion(): Promise<Job> {
      if (wanted === undefined) return (await api.jobs.read(stub.ID, inNamespace)).value;
      const { value: body } = await api.jobs.versions(stub.ID, false, inNamespace);
      const found = body.Versions.find((each) => each.Version === wanted);
      if (found === undefined) throw versionUnknown(stub.ID, wanted, body.Versions);
      return found;
    }
  },
};
