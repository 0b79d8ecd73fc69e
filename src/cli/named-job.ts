/** The one job a command is about. */
import type { Context } from "./command.ts";
import { UsageError } from "./flags.ts";
import { resolveJob } from "./resolve.ts";

export interface NamedJob {
  readonly namespace: string;
  readonly id: string;
}

/** The only argument: an id or unique prefix. */
export async function namedJob(context: Context): Promise<NamedJob> {
  const typed = context.arguments[0];
  if (typed === undefined || context.arguments.length > 1) throw new UsageError("This command takes one argument: <job>");
  return jobCalled(context, typed);
}

export async function jobCalled(context: Context, typed: string): Promise<NamedJob> {
  const stub = await resolveJob(context, typed);
  return { namespace: stub.Namespace, id: stub.ID };
}
