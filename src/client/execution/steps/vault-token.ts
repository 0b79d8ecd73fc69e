/**
 * The task's own Vault token, traded for its identity `vault_<cluster>`: secrets/vault_token, VAULT_TOKEN and VAULT_NAMESPACE. Renewed it stays the same
 * one and nobody hears of it; replaced (revoked, its longest life over) the file is replaced, and the process told as `change_mode` says: a restart takes
 * its turn. While Vault cannot be reached, or nobody has prepared it, a task that is to begin for the first time waits. nomad.md §1.10, §2.1, §2.4.
 */
import type { IdentityRequest } from "#model";
import { messageOf, NamedError } from "#std";
import { taskEvents } from "#task";
import { identityKey, taskIdentity, vaultIdentity } from "../../identity/wanted.ts";
import type { Step } from "../../step.ts";
import { digestOf } from "../../templates/told.ts";
import { acquireToken } from "../acquire-token.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { addVariables, placeSecret } from "../place-secret.ts";

const NAME = "vault-token";
const FILE = "secrets/vault_token";
/** As Nomad: whoever the task runs its parts as may read it; its directory is the task's. */
const MODE = 0o666;

export const vaultToken: Step<ExecutionContext> = {
  name: NAME,
  enter: (context) => arrange(context, false),
  resume: (context) => arrange(context, true),
  exit: (context) => Beside.end(context, NAME),
};

async function arrange(context: ExecutionContext, found: boolean): Promise<void> {
  const { world, told } = context;
  if (context.task().Vault === null || context.task().Vault === undefined) return;
  const identity = vaultIdentity(context.task());
  if (identity === undefined) throw unprepared("its job has no identity for it", "Submit the job again: its identity is put in then.");
  const beside = await Beside.begin(context, NAME);
  const request = taskIdentity(context.allocation(), context.task(), identity);
  try {
    const token = await acquireToken(context, "Vault", world.vaultTokens, request, beside.signal);
    if (beside.over) return;
    if (token === "") throw unprepared("this node's agent uses no Vault", "Enable it with a `vault` block in the agent's configuration.");
    watch(context, beside, request);
    const attempt = context.machine().attempt;
    const known = found ? told.of(attempt)?.digests[NAME] : undefined;
    await beside.perform(() => place(context, token));
    if (beside.over) return;
    if (known === undefined) told.begin(attempt, { digests: { [NAME]: digestOf(token) } });
    else if (known !== digestOf(token) || told.record.telling.includes(NAME)) void follow(context, beside, token);
  } catch (thrown) {
    if (!beside.over) throw thrown;
  }
}

async function place(context: ExecutionContext, token: string): Promise<void> {
  const vault = context.task().Vault;
  if (vault === null || vault === undefined) return;
  if (vault.Env) addVariables(context, { VAULT_TOKEN: token, ...(vault.Namespace === "" ? {} : { VAULT_NAMESPACE: vault.Namespace }) });
  if (!vault.DisableFile) await placeSecret(context, FILE, token, MODE);
}

function watch(context: ExecutionContext, beside: Beside, request: IdentityRequest): void {
  const unsubscribe = context.world.vaultTokens.subscribe((replaced, token) => {
    if (identityKey(replaced) === identityKey(request)) void replace(context, beside, token);
  });
  beside.atEnd(unsubscribe);
}

async function replace(context: ExecutionContext, beside: Beside, token: string): Promise<void> {
  try {
    await beside.perform(() => place(context, token));
  } catch (thrown) {
    if (!beside.over) tellProblem(context, `its token was replaced, and could not be written: ${messageOf(thrown)}`);
  }
  if (!beside.over) await follow(context, beside, token);
}

/** change_mode */
async function follow(context: ExecutionContext, beside: Beside, token: string): Promise<void> {
  const { machine, told, turn } = context;
  while (!beside.over && machine().phase !== "running") await Promise.race([context.change(), aborted(beside.signal)]);
  const vault = context.task().Vault;
  if (beside.over || vault === null || vault === undefined) return;
  const digest = { [NAME]: digestOf(token) };
  // Who lets its token run out wants it for its beginning only.
  const mode = vault.AllowTokenExpiration ? "noop" : vault.ChangeMode;
  if (mode === "restart" || mode === "") {
    let restarted = false;
    try {
      await turn.take(
        NAME,
        beside.signal,
        sayOnce((reason) => tellTemplate(context, `Vault: new Vault token acquired, waiting to restart: ${reason}`)),
      );
      if (beside.over) return;
      restarted = true;
      context.restart("Vault: new Vault token acquired");
    } catch (thrown) {
      if (!beside.over) tellProblem(context, `its token was replaced, and the task could not be restarted: ${messageOf(thrown)}`);
    } finally {
      turn.done(NAME, restarted);
    }
    return;
  }
  if (mode === "signal") {
    const signal = vault.ChangeSignal === "" ? "SIGHUP" : vault.ChangeSignal;
    told.telling([NAME]);
    try {
      await context.signal(signal);
    } catch (thrown) {
      if (!beside.over) tellProblem(context, `its token was replaced, and ${signal} could not be sent: ${messageOf(thrown)}`);
    }
  }
  if (!beside.over) told.told(digest);
}

function sayOnce(say: (reason: string) => void): (reason: string) => void {
  let said = "";
  return (reason) => {
    if (reason !== said) say((said = reason));
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

function tellTemplate(context: ExecutionContext, message: string): void {
  context.tell(taskEvents.template(context.world.clock.nowNs(), message));
}

function tellProblem(context: ExecutionContext, problem: string): void {
  context.tell(taskEvents.hookFailed(context.world.clock.nowNs(), "vault", problem));
}

function unprepared(why: string, fix: string): NamedError {
  return new NamedError("VAULT_TOKEN_IMPOSSIBLE", `Cannot get a Vault token for the task: ${why} (${fix})`, { fix });
}
