/** Before something happens to what was named by a prefix only: is that the one meant? */
import type { Context } from "./command.ts";

/**
 * True: go on. False: said no, or nobody is there to say (then `instead` is named); `refused` is the exit code.
 * `question` without its mark: "Are you sure you want to drain node …".
 */
export async function confirmed(
  context: Context,
  question: string,
  cancelled: string,
  instead = "give the whole id, or -yes",
): Promise<{ readonly ok: boolean; readonly refused: number }> {
  const answer = await context.terminal.ask(`${question}? [y/N] `);
  if (answer === undefined) {
    context.terminal.complain(`${question}? Nobody is here to answer: ${instead}`);
    return { ok: false, refused: 1 };
  }
  if (/^y(es)?$/i.test(answer.trim())) return { ok: true, refused: 0 };
  context.terminal.print(cancelled);
  return { ok: false, refused: 0 };
}
