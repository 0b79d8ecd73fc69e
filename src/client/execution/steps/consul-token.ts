/**
 * The task's own Consul token, traded for its identity `consul_<cluster>`: secrets/consul_token, CONSUL_TOKEN and CONSUL_HTTP_TOKEN. When it is
 * replaced the file is, too; a variable of the running process stays as it was (so the token in it lives until the allocation is over).
 * While Consul cannot be reached, or nobody has prepared it (it was wiped: `setup consul` comes again), a task that is to begin for the first time
 * waits. nomad.md §1.10, §2.1.
 */
import type { IdentityRequest } from "#model";
import { messageOf } from "#std";
import { taskEvents } from "#task";
import { consulIdentity, identityKey, taskIdentity } from "../../identity/wanted.ts";
import type { Step } from "../../step.ts";
import { acquireToken } from "../acquire-token.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { addVariables, placeSecret } from "../place-secret.ts";

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
    const token = await acquireToken(context, "Consul", context.world.consulTokens, request, beside.signal);
    if (token === "" || beside.over) return;
    watch(context, beside, request);
    await beside.perform(() => place(context, token));
  } catch (thrown) {
    if (!beside.over) throw thrown;
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
