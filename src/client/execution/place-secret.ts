/** Puts a secret into a task's directory and its variables: for the task's user alone, whole, in place of the one before. */
import { join } from "node:path";
import type { ExecutionContext } from "./context.ts";

/**
 * `path`: below the task's directory, which is the root of what may be written: links of the task that lead out of it are refused
 * (FILE_OUTSIDE), also into another task's.
 */
export async function placeSecret(context: ExecutionContext, path: string, secret: string, mode = 0o600): Promise<void> {
  const { world, allocationDirectory, task, user, driver } = context;
  await world.disk.write(join(allocationDirectory, task().Name), {
    path,
    data: secret,
    mode,
    user: user === "" ? (driver?.capabilities.defaultUser ?? "") : user,
  });
}

/** Over the task's own `env`, as every hook's variables. What runs already keeps what it was started with. */
export function addVariables(context: ExecutionContext, added: Readonly<Record<string, string>>): void {
  const { environment } = context;
  context.added = { ...context.added, ...added };
  if (environment !== undefined) context.environment = { ...environment, variables: { ...environment.variables, ...added } };
}
