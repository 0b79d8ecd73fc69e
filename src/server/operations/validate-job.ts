/** Is the job one we would take? Nothing is stored, nothing is refused: every problem is listed. */
import { AdmissionError, admitJob } from "#jobspec";
import type { ServerContext } from "../context.ts";
import type { JobValidateResponse } from "../contract.ts";
import { admissionHere, obstaclesTo } from "./admit-here.ts";
import { warningText } from "./register-job.ts";

export async function validateJob(context: ServerContext, request: { readonly Job: unknown }): Promise<JobValidateResponse> {
  try {
    const { job, warnings } = admitJob(request.Job, admissionHere(context));
    const obstacles = obstaclesTo(context.cluster.state.snapshot(), job);
    if (obstacles.length > 0) throw new AdmissionError(`job ${JSON.stringify(job.ID)}`, obstacles);
    return { DriverConfigValidated: true, ValidationErrors: [], Error: "", Warnings: warningText(warnings) };
  } catch (thrown) {
    if (!(thrown instanceof AdmissionError)) throw thrown;
    return { DriverConfigValidated: true, ValidationErrors: thrown.problems, Error: thrown.message, Warnings: "" };
  }
}
