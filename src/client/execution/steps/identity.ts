/**
 * The task's identities where it looks for them: files (for its user alone) and variables. Renewed ones replace the files, then the task
 * is told as each identity's change_mode says. Finding the task again after a restart of the agent changes no more than the files.
 * nomad.md §1.10, §2.5, §7.
 */
import assert from "node:assert";
import type { Identity } from "#model";
import { messageOf } from "#std";
import { taskEvents } from "#task";
import { identityKey, identityName, shownIdentities, taskIdentity } from "../../identity/wanted.ts";
import type { Step } from "../../step.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { identityFile, identityVariable } from "../identity-file.ts";
import { addVariables, placeSecret } from "../place-secret.ts";
import { visiblePaths } from "../place.ts";

const RETRY_MS = 5_000;
const TRIES_MAX = 6;

export const identity: Step<ExecutionContext> = {
  name: "identity",
  enter: arrange,
  resume: arrange,
  exit: (context) => Beside.end(context, "identity"),
};

async function arrange(context: ExecutionContext): Promise<void> {
  const shown = shownIdentities(context.task());
  if (shown.length === 0) return;
  const beside = await Beside.begin(context, "identity");
  try {
    await context.world.identities.obtain(context.allocation(), beside.signal);
  } catch (thrown) {
    if (beside.over) return;
    throw thrown;
  }
  if (beside.over) return;
  watch(context, beside, shown);
  await beside.perform(async () => {
    for (const each of shown) if (!beside.over) await place(context, each);
  });
}

async function place(context: ExecutionContext, wanted: Identity): Promise<void> {
  const { world, allocation, task, driver, environment } = context;
  assert(driver !== undefined && environment !== undefined, "the driver and environment steps come before");
  const signed = world.identities.find(taskIdentity(allocation(), task(), wanted));
  if (signed === undefined) return;
  if (wanted.Env) addVariables(context, { [identityVariable(wanted)]: signed.jwt });
  if (!wanted.File) return;
  const visible = visiblePaths(context.allocationDirectory, task().Name, driver.capabilities.isolation);
  await placeSecret(context, identityFile(wanted, environment.names, visible), signed.jwt);
}

function watch(context: ExecutionContext, beside: Beside, shown: readonly Identity[]): void {
  const { world, allocation, task } = context;
  const byKey = new Map(shown.map((each) => [identityKey(taskIdentity(allocation(), task(), each)), each]));
  const unsubscribe = world.identities.subscribe((request) => {
    const renewed = byKey.get(identityKey(request));
    if (renewed !== undefined) void replace(context, beside, renewed);
  });
  beside.atEnd(unsubscribe);
}

async function replace(context: ExecutionContext, beside: Beside, renewed: Identity): Promise<void> {
  const { world } = context;
  for (let tries = 1; !beside.over; tries++) {
    try {
      await beside.perform(() => place(context, renewed));
      break;
    } catch (thrown) {
      if (beside.over) return;
      if (tries === 1)
        tellProblem(context, `identity "${identityName(renewed)}" was renewed, and could not be written: ${messageOf(thrown)}`);
      // The next renewal brings another.
      if (tries >= TRIES_MAX) return;
      await beside.pause(world.clock.sleep(RETRY_MS));
    }
  }
  if (!beside.over) await follow(context, renewed);
}

/** change_mode */
async function follow(context: ExecutionContext, renewed: Identity): Promise<void> {
  if (renewed.ChangeMode === "restart") {
    context.restart(`Identity[${identityName(renewed)}]: new Identity token acquired`);
  } else if (renewed.ChangeMode === "signal") {
    const signal = renewed.ChangeSignal === "" ? "SIGHUP" : renewed.ChangeSignal;
    try {
      await context.signal(signal);
    } catch (thrown) {
      tellProblem(context, `identity "${identityName(renewed)}" was renewed, and ${signal} could not be sent: ${messageOf(thrown)}`);
    }
  }
}

function tellProblem(context: ExecutionContext, problem: string): void {
  context.tell(taskEvents.hookFailed(context.world.clock.nowNs(), "identity", problem));
}
