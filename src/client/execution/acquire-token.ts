/** A task's token of another system: waits for one that cannot be reached, or that nobody has prepared yet, and says so once for each reason. */
import type { IdentityRequest } from "#model";
import { messageOf, NamedError } from "#std";
import { taskEvents } from "#task";
import type { TokenBook } from "../contract.ts";
import { orAborted } from "../or-aborted.ts";
import type { ExecutionContext } from "./context.ts";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 8_000;
const PASSING = ["TOKEN_UNREACHABLE", "TOKEN_UNPREPARED"];

/** Rejects with what the system refuses (that is for the restart policy), and when the signal aborts. `system`: "Consul". */
export async function acquireToken(
  { world, tell }: Pick<ExecutionContext, "world" | "tell">,
  system: string,
  book: TokenBook,
  request: IdentityRequest,
  signal: AbortSignal,
): Promise<string> {
  let told = "";
  for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      return await book.token(request, signal);
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof NamedError)) throw thrown;
      const fix = thrown.fix === undefined || thrown.fix === "" ? "" : ` (${thrown.fix})`;
      if (!PASSING.includes(thrown.code)) throw new NamedError(thrown.code, `${thrown.message}${fix}`, { cause: thrown });
      if (told !== thrown.code) {
        const shown = thrown.code === "TOKEN_UNPREPARED" ? fix : "";
        const problem = `waiting for ${system}, to get the task's token: ${messageOf(thrown)}${shown}`;
        tell(taskEvents.hookFailed(world.clock.nowNs(), system.toLowerCase(), problem));
        told = thrown.code;
      }
    }
    const timed = Promise.withResolvers<void>();
    const timer = world.clock.after(waitMs, timed.resolve);
    await orAborted(timed.promise, signal).finally(() => timer.cancel());
  }
}
