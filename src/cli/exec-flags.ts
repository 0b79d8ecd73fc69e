/** The flags alloc exec and action share, and what they mean at this terminal. nomad.md §4.3. */
import type { ExecInput, ExecOutput } from "#ports";
import type { Context } from "./command.ts";
import { runExecSession, type ExecOptions } from "./exec-session.ts";
import { UsageError, type FlagTable, type ParsedFlags } from "./flags.ts";

export const EXEC_FLAGS: FlagTable = {
  i: { kind: "boolean", about: "Pass standard input to the command (default true)" },
  t: { kind: "boolean", about: "Give the command a terminal (default: when standard input is one, and -i)" },
  e: {
    kind: "text",
    value: "character",
    about: 'At the start of a line, this and "." end the session; "none" for no such thing (default "~")',
  },
};

/** Runs a session at this process's own streams; answers the command's exit code. */
export function execHere(
  context: Context,
  options: ExecOptions,
  start: (input: AsyncIterable<ExecInput>, signal: AbortSignal) => Promise<AsyncIterable<ExecOutput>>,
): Promise<number> {
  const streams = { input: process.stdin, output: process.stdout, errorOutput: process.stderr };
  return runExecSession(streams, options, start, context.interrupted);
}

/** Throws UsageError. */
export function execOptions(flags: ParsedFlags, inputIsTerminal: boolean): ExecOptions {
  const interactive = !flags.given("i") || flags.flag("i");
  const tty = flags.given("t") ? flags.flag("t") : interactive && inputIsTerminal;
  if (flags.given("t") && tty && !interactive)
    throw new UsageError("-i must be enabled when running with a terminal: leave -i=false or -t out");
  const escape = flags.text("e") ?? "~";
  if (escape !== "none" && escape.length !== 1)
    throw new UsageError(`invalid value ${JSON.stringify(escape)} for flag -e: want one character, or none`);
  return { tty, interactive, escape: escape === "none" ? undefined : escape };
}
