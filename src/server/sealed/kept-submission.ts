/** What of a job's source may be kept beside a job with sensitive values: pure. `drover job run` leaves them out before it sends anything. */
import type { JobSubmission } from "#model";

/** Shorter ones stand in any text by chance. */
const TELLING_CHARACTERS = 4;

/**
 * null: it holds one of the values, or might. `unknowing`: whoever sent it knows of sensitive variables by what /v1/jobs/parse answered alone, and
 * so sends what they are set to along with the others.
 */
export function keptSubmission(submission: JobSubmission, values: ReadonlySet<string>, unknowing: boolean): JobSubmission | null {
  const texts = [submission.Source, submission.Variables, ...Object.values(submission.VariableFlags)].filter((text) => text !== "");
  if (texts.length === 0) return submission;
  if (unknowing) return null;
  const told = [...values]
    .filter(({ length }) => length >= TELLING_CHARACTERS)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
  return told.some((value) => texts.some((text) => text.includes(value))) ? null : submission;
}

export const SUBMISSION_NOT_KEPT =
  "the job's source is not kept: it holds values of sensitive variables, or may; drover job run leaves them out and has the rest kept";
