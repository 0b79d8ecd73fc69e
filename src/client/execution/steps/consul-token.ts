/**
 * The task's own Consul token, traded for its identity `consul_<cluster>`: secrets/consul_token, CONSUL_TOKEN and CONSUL_HTTP_TOKEN. When it is
 * replaced the file is, too; a variable of the running process stays as it was (so the token in it lives until the allocation is over).
 * While Consul cannot be reached, or nobody has prepared it (it was wiped: `setup consul` comes again), the task waits. nomad.md §1.10, §2.1.
 */
import type { IdentityRequest } from "#model";
import { messageOf, NamedError } from "#std";
import { taskEvents } from "#task";
import { consulIdentity, identityKey, taskIdentity } from "../../identity/wanted.ts";
import { orAborted } from "../../or-aborted.ts";
import type { Step } from "../../step.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { addVariables, placeSecret } from "../place-secret.ts";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 8_000;
const FILE = "secrets/consul_token";

export const consulToken: Step<ExecutionContext> = {
  name: "consul-token",
  enter: arrange,
  resume: arrange,
  exit: (context) => Beside.end(context, "consul-token"),
};

async function arrange(context: ExecutionContext): Promise<void> {
  const identity = consulIdentity(context.group(), context.task());
  if (identity === undefined) return;
  const beside = await Beside.begin(context, "consul-token");
  const request = taskIdentity(context.allocation(), context.task(), identity);
  try {
    await context.world.identities.obtain(context.allocation(), beside.signal);
    const token = await acquire(context, request, beside.signal);
    if (token === "" || beside.over) return;
    watch(context, beside, request);
    await beside.perform(() => place(context, token));
  } catch (thrown) {
    if (!beside.over) throw thrown;
  }
}

const PASSING = ["TOKEN_UNREACHABLE", "TOKEN_UNPREPARED"];

/** Waits for a Consul that cannot be reached, and for its operator; what it refuses is for the restart policy. */
async function acquire({ world, tell }: ExecutionContext, request: IdentityRequest, signal: AbortSignal): Promise<string> {
  let told = "";
  for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      return await world.consulTokens.token(request, signal);
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof NamedError && PASSING.includes(thrown.code))) throw thrown;
      if (told !== thrown.code) {
        const fix = thrown.code === "TOKEN_UNPREPARED" && thrown.fix !== undefined ? ` (${thrown.fix})` : "";
        tell(
          taskEvents.hookFailed(world.clock.nowNs(), "consul", `waiting for Consul, to get the task's token: ${messageOf(thrown)}${fix}`),
        );
        told = thrown.code;
      }
    }
    const timed = Promise.withResolvers<void>();
    const timer = world.clock.after(waitMs, timed.resolve);
    await orAborted(timed.promise, signal).finally(() => timer.cancel());
  }
}

async function place(context: ExecutionContext, token: string): Promise<void> {
  addVariables(context, { CONSUL_TOKEN: token, CONSUL_HTTP_TOKEN: token });
  await placeSecret(context, FILE, token);
}

function watch(context: ExecutionContext, beside: Beside, request: IdentityRequest): void {
  const { world } = context;
  const unsubscribe = world.consulTokens.subscribe((replaced, token) => {
    if (identityKey(replaced) !== identityKey(request)) return;
    const placed = beside.perform(() => place(context, token));
    placed.catch((thrown: unknown) => {
      if (beside.over) return;
      context.tell(
        taskEvents.hookFailed(world.clock.nowNs(), "consul", `its token was replaced, and could not be written: ${messageOf(thrown)}`),
      );
    });
  });
  beside.atEnd(unsubscribe);
}
