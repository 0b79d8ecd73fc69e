/** The job was not admitted; every reason at once. */
import { NamedError } from "#std";

/** How many reasons the message spells out; `problems` has them all. */
const SHOWN_MAX = 20;

export class AdmissionError extends NamedError {
  /** One sentence each, ending in the JSON path: `Task "web" of group "g": driver is missing (TaskGroups[0].Tasks[0].Driver)`. */
  readonly problems: readonly string[];

  constructor(subject: string, problems: readonly string[]) {
    super("JOB_INVALID", message(subject, problems), { statusCode: 400 });
    this.problems = problems;
  }
}

function message(subject: string, problems: readonly string[]): string {
  if (problems.length === 1) return `Cannot admit ${subject}: ${problems[0]}`;
  const shown = problems.slice(0, SHOWN_MAX).map((each) => `  * ${each}`);
  const rest = problems.length - shown.length;
  if (rest > 0) shown.push(`  * and ${rest} more`);
  return `Cannot admit ${subject}: ${problems.length} problems\n${shown.join("\n")}`;
}
