/** Is the job one we would take? Nothing is stored, nothing is refused: every problem is listed. */
import { AdmissionError, admitJob } from "#jobspec";
import type { ServerContext } from "../context.ts";
import type { JobValidateResponse } from "../contract.ts";
import { warningText } from "./register-job.ts";

export async function validateJob(context: ServerContext, request: { readonly Job: unknown }): Promise<JobValidateResponse> {
  try {
    const { warnings } = admitJob(request.Job, context.admission);
    return { DriverConfigValidated: true, ValidationErrors: [], Error: "", Warnings: warningText(warnings) };
  } catch (thrown) {
    if (!(thrown instanceof AdmissionError)) throw thrown;
    return { DriverConfigValidated: true, ValidationErrors: thrown.problems, Error: thrown.message, Warnings: "" };
  }
}
