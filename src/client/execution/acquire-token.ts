/**
 * A task's token of another system. What it has already does, whoever is away; a system that cannot be reached, or that nobody has prepared yet, is
 * waited for, and that is said once for each reason. Who begins again does not wait: it gets the one it had, though its life may be over, and hears of
 * the next (F51).
 */
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
  { world, tell, allocation, machine }: Pick<ExecutionContext, "world" | "tell" | "allocation" | "machine">,
  system: string,
  book: TokenBook,
  request: IdentityRequest,
  signal: AbortSignal,
): Promise<string> {
  const identities = world.identities.obtain(allocation(), signal);
  const held = book.held(request);
  if (held !== undefined && !held.out) {
    // They are needed for the next one. What goes wrong with them is their book's to tell.
    identities.catch(() => undefined);
    return held.secret;
  }
  await identities;
  const begunBefore = machine().attempt > 0 || machine().started;
  let told = "";
  for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      return await book.token(request, signal);
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof NamedError)) throw thrown;
      const fix = thrown.fix === undefined || thrown.fix === "" ? "" : ` (${thrown.fix})`;
      if (!PASSING.includes(thrown.code)) throw new NamedError(thrown.code, `${thrown.message}${fix}`, { cause: thrown });
      const last = begunBefore ? book.held(request) : undefined;
      if (last !== undefined) return last.secret;
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
