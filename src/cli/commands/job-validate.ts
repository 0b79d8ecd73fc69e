/** `drover job validate`: nomad.md §4.3. */
import type { Command } from "../command.ts";
import { readJob, SOURCE_FLAGS } from "../job-source.ts";

export const jobValidate: Command = {
  usage: "job validate [options] <path>",
  about: "Checks a job file: its syntax here, its meaning with the servers. Exit code 0: it would be accepted.",
  connects: true,
  flags: SOURCE_FLAGS,
  async run(context) {
    const { terminal } = context;
    const source = await readJob(context);
    const { value: body } = await context.api.jobs.validate(source.job);
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
