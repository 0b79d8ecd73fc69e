/** The agent's configuration cannot be used. Every mistake at once, each with its place and how to mend it. */
import { NamedError } from "#std";

export class ConfigError extends NamedError {
  /** Rendered: `server.hcl:3:5: …`, the line, a caret, the advice. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super("CONFIG_INVALID", message(problems), { statusCode: 400 });
    this.problems = problems;
  }
}

function message(problems: readonly string[]): string {
  const head =
    problems.length === 1 ? "Cannot start with this configuration:" : `Cannot start with this configuration: ${problems.length} problems`;
  return [head, ...problems].join("\n\n");
}
