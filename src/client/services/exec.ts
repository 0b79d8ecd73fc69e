/** A command in a living task, carried between whoever asked and the driver. Ends with the command, or ends it. */
import type { ExecInput, ExecOutput, ExecRequest, ExecSession } from "#ports";
import { NamedError } from "#std";
import type { AllocationRunner } from "../allocation/runner.ts";

export async function* execInTask(
  runner: AllocationRunner,
  request: ExecRequest,
  input: AsyncIterable<ExecInput>,
  signal: AbortSignal,
): AsyncGenerator<ExecOutput, void, undefined> {
  if (request.Command.length === 0 || request.Command[0] === "") {
    throw new NamedError("EXEC_COMMAND_MISSING", "Cannot run a command in a task: command is not present", { statusCode: 400 });
  }
  const session = await runner.task(request.Task).exec({ command: request.Command, tty: request.Tty });
  const abort = () => session.kill();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  let over = false;
  const words = input[Symbol.asyncIterator]();
  void feed(session, words, () => over || signal.aborted);
  try {
    for await (const { stream, data } of session.output) yield { kind: stream, data };
    const exitCode = await session.exited;
    over = true;
    if (!signal.aborted) yield { kind: "exited", exitCode };
  } finally {
    // Whoever stopped listening wants nothing of it to go on.
    if (!over) session.kill();
    over = true;
    signal.removeEventListener("abort", abort);
    void words.return?.()?.catch(() => undefined);
  }
}

/** Until the input ends or nobody reads it any more. Its own failure ends the command's input. */
async function feed(session: ExecSession, input: AsyncIterator<ExecInput>, over: () => boolean): Promise<void> {
  try {
    for (let next = await input.next(); next.done !== true && !over(); next = await input.next()) {
      const each = next.value;
      if (each.kind === "stdin") await session.write(each.data);
      else if (each.kind === "size") session.resize(each.height, each.width);
      else session.end();
    }
  } catch {
    session.end();
  }
}
