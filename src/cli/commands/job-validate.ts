/** `drover job validate`: nomad.md §4.3. */
import { NamedError } from "#std";
import { ENTERPRISE_FLAGS, tellEnterprise } from "../accepted-flags.ts";
import type { AdmissionContext } from "#jobspec";
import type { Command, Context } from "../command.ts";
import { readJob, SOURCE_FLAGS, type SourceJob } from "../job-source.ts";

/** Before anybody could be asked. */
const NO_CLIENT: ReadonlySet<string> = new Set(["API_ADDRESS_INVALID", "API_TLS_FILE_UNREADABLE"]);

/** Servers as they are without settings; what only they could refuse is not. */
const HERE: AdmissionContext = {
  defaultNamespace: "default",
  defaultRegion: "global",
  priorityDefault: 50,
  priorityMax: 100,
  countMax: 50_000,
  memoryOversubscription: () => true,
  vault: { defaultIdentity: { aud: ["vault.io"], ttlNs: 0, env: false, file: false, filepath: "", extraClaims: {} } },
};

export const jobValidate: Command = {
  usage: "job validate [options] <path>",
  about:
    "Checks a job file: its syntax here, its meaning with the servers, or here too if no agent answers. Exit code 0: it would be accepted; 1: it would not; 255: the address or certificates to connect with make no sense.",
  connects: true,
  flags: { ...SOURCE_FLAGS, "vault-namespace": ENTERPRISE_FLAGS["vault-namespace"] as (typeof ENTERPRISE_FLAGS)[string] },
  failureCode: (error) => (error instanceof NamedError && NO_CLIENT.has(error.code) ? 255 : 1),
  async run(context) {
    const { terminal } = context;
    tellEnterprise(context);
    const source = await readJob(context);
    const answer = await askServers(context, source);
    if (answer === undefined)
      terminal.print("No agent answers: the job is checked here alone, not by what the servers know (Vault, their limits and defaults).\n");
    const body = answer ?? (await checkHere(source));
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

interface Checked {
  readonly ValidationErrors: readonly string[];
  readonly Error: string;
  readonly Warnings: string;
}

/** undefined: nobody listens there. A file can be checked where no cluster is, before it is merged say. */
async function askServers({ api }: Context, source: SourceJob): Promise<Checked | undefined> {
  try {
    return (await api.jobs.validate(source.job, {}, source.sensitive)).value;
  } catch (error) {
    if (error instanceof NamedError && error.code === "API_UNREACHABLE") return undefined;
    throw error;
  }
}

async function checkHere(source: SourceJob): Promise<Checked> {
  const { AdmissionError, admitJob } = await import("#jobspec");
  try {
    const { warnings } = admitJob(source.job, HERE);
    return { ValidationErrors: [], Error: "", Warnings: warnings.map((each) => `* ${each}`).join("\n") };
  } catch (error) {
    if (!(error instanceof AdmissionError)) throw error;
    return { ValidationErrors: error.problems, Error: "", Warnings: "" };
  }
}
