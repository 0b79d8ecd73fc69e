/** What most commands that change something end with: follow the evaluation, or with -detach name it. */
import type { Context } from "./command.ts";
import type { FlagTable } from "./flags.ts";
import { monitorEvaluation } from "./monitor-evaluation.ts";

export const FOLLOW_FLAGS: FlagTable = {
  detach: { kind: "boolean", about: "Return at once and print the evaluation's id" },
  verbose: { kind: "boolean", about: "Full ids" },
};

/** `without` is printed when there is no evaluation: nothing has to be placed. */
export async function followEvaluation(
  context: Context,
  evaluationId: string,
  options: { readonly without: string; readonly deployment?: boolean },
): Promise<number> {
  const { flags, terminal } = context;
  if (evaluationId === "") {
    terminal.print(options.without);
    return 0;
  }
  if (flags.flag("detach")) {
    terminal.print(`Evaluation ID: ${evaluationId}`);
    return 0;
  }
  return monitorEvaluation(context, evaluationId, { verbose: flags.flag("verbose"), deployment: options.deployment ?? true });
}
