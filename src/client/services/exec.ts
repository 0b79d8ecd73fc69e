/** A command in a living task, carried between whoever asked and the driver. Ends with the command, or ends it. */
import type { Clock, ExecInput, ExecOutput, ExecRequest, ExecSession } from "#ports";
import { NamedError } from "#std";
import type { AllocationRunner } from "../allocation/runner.ts";

/** Clients tell a terminal's size first, but none has to. */
const FIRST_SIZE_MS = 250;

export async function* execInTask(
  clock: Clock,
  runner: AllocationRunner,
  request: ExecRequest,
  input: AsyncIterable<ExecInput>,
  signal: AbortSignal,
): AsyncGenerator<ExecOutput, void, undefined> {
  if (request.Command.length === 0 || request.Command[0] === "") {
    throw new NamedError("EXEC_COMMAND_MISSING", "Cannot run a command in a task: command is not present", { statusCode: 400 });
  }
  const words = input[Symbol.asyncIterator]();
  const first = words.next();
  first.catch(() => undefined);
  const size = request.Tty ? await sizeIn(first, clock) : undefined;
  const session = await runner
    .task(request.Task)
    .exec({ command: request.Command, tty: request.Tty, ...(size !== undefined && { size: { height: size.height, width: size.width } }) });
  const abort = () => session.kill();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  let over = false;
  void feed(session, size === undefined ? first : words.next(), words, () => over || signal.aborted);
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

/** The terminal's size, if that is what is said first and soon: then the command never sees another. */
async function sizeIn(first: Promise<IteratorResult<ExecInput>>, clock: Clock): Promise<Extract<ExecInput, { kind: "size" }> | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = clock.after(FIRST_SIZE_MS, () => late.resolve(undefined));
  try {
    const said = await Promise.race([first.catch(() => undefined), late.promise]);
    return said?.done === false && said.value.kind === "size" ? said.value : undefined;
  } finally {
    timer.cancel();
  }
}

/** Until the input ends or nobody reads it any more. Its own failure ends the command's input. */
async function feed(
  session: ExecSession,
  first: Promise<IteratorResult<ExecInput>>,
  input: AsyncIterator<ExecInput>,
  over: () => boolean,
): Promise<void> {
  try {
    for (let next = await first; next.done !== true && !over(); next = await input.next()) {
      const each = next.value;
      if (each.kind === "stdin") await session.write(each.data);
      else if (each.kind === "size") session.resize(each.height, each.width);
      else session.end();
    }
  } catch {
    session.end();
  }
}
