/** `drover job validate`: nomad.md §4.3. */
import { NamedError } from "#std";
import { ENTERPRISE_FLAGS, tellEnterprise } from "../accepted-flags.ts";
import type { Command } from "../command.ts";
import { readJob, SOURCE_FLAGS } from "../job-source.ts";

/** Before anybody could be asked. */
const NO_CLIENT: ReadonlySet<string> = new Set(["API_ADDRESS_INVALID", "API_TLS_FILE_UNREADABLE"]);

export const jobValidate: Command = {
  usage: "job validate [options] <path>",
  about:
    "Checks a job file: its syntax here, its meaning with the servers. Exit code 0: it would be accepted; 1: it would not; 255: the address or certificates to connect with make no sense.",
  connects: true,
  flags: { ...SOURCE_FLAGS, "vault-namespace": ENTERPRISE_FLAGS["vault-namespace"] as (typeof ENTERPRISE_FLAGS)[string] },
  failureCode: (error) => (error instanceof NamedError && NO_CLIENT.has(error.code) ? 255 : 1),
  async run(context) {
    const { terminal, api } = context;
    tellEnterprise(context);
    const source = await readJob(context);
    const { value: body } = await api.jobs.validate(source.job, {}, source.sensitive);
    if (body.Error !== "" || body.ValidationErrors.length > 0) {
      const problems = body.ValidationErrors.length > 0 ? body.ValidationErrors : [body.Error];
      terminal.complain(
        `Job validation errors:\n${problems.length} error${problems.length === 1 ? "" : "s"} occurred:\n${problems.map((each) => source.point(`  * ${each}`)).join("\n")}`,
      );
      return 1;
    }
    if (body.Warnings !== "") terminal.print(terminal.colours.yellow(`Job Warnings:\n${body.Warnings}\n`));
    terminal.print(terminal.colours.bold("Job validation successful"));
    return 0;
  },
};
