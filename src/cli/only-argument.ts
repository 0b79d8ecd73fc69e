import type { Context } from "./command.ts";
import { UsageError } from "./flags.ts";

/** The one argument of a command that takes exactly one; `noun` as in its usage: "<node pool>". */
export function onlyArgument(context: Context, noun: string): string {
  const first = context.arguments[0];
  if (first === undefined || context.arguments.length > 1) throw new UsageError(`This command takes one argument: ${noun}`);
  return first;
}

/** For a command that takes none. */
export function noArguments(context: Context): void {
  if (context.arguments.length > 0) throw new UsageError("This command takes no arguments");
}
