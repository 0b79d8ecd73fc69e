/**
 * `secret` blocks are read before the task begins, and sealed variables of its job opened: their values stand behind `${secret.<name>.<key>}` and
 * `${sealed.…}` in its environment, config and templates, in memory alone. What is missing is waited for, and said. nomad.md §1.10, §2.2.
 */
import assert from "node:assert";
import { thingKey, type Thing } from "#ports";
import { messageOf, NamedError } from "#std";
import { taskEvents } from "#task";
import { orAborted } from "../../or-aborted.ts";
import type { Step } from "../../step.ts";
import { hasSealed, sealedMarks, sealedNames } from "../../templates/sealed.ts";
import { secretThing, secretValues, unknownKeys } from "../../templates/secret-things.ts";
import { WaitTeller, waitsFor } from "../../templates/waiting.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { EnterFailure } from "../failure.ts";
import { setEnvironment } from "./environment.ts";

const NAME = "secret";

export const secret: Step<ExecutionContext> = {
  name: NAME,
  enter: (context) => read(context, true),
  resume: (context) => {
    context.named = read(context, false);
    // Whoever needs the names waits; what went wrong is told by this step.
    context.named.catch(() => undefined);
    return context.named;
  },
  exit: (context) => Beside.end(context, NAME),
};

async function read(context: ExecutionContext, telling: boolean): Promise<void> {
  const { world, task } = context;
  const blocks = task().Secrets ?? [];
  const sealed = hasSealed(task());
  if (blocks.length === 0 && !sealed) return;
  const beside = await Beside.begin(context, NAME);
  try {
    if (sealed) await unseal(context, beside, telling);
    const values = await fetch(context, beside, telling);
    if (beside.over) return;
    context.names = new Map([...(sealed ? context.unsealed : []), ...values]);
    setEnvironment(context);
    const unknown = telling ? unknownKeys(task(), context.names) : [];
    if (unknown.length > 0) context.tell(taskEvents.template(world.clock.nowNs(), `Secret keys missing: ${unknown.join("; ")}`));
  } catch (thrown) {
    if (beside.over) return;
    if (!(thrown instanceof NamedError)) throw thrown;
    const problem = `secret: ${messageOf(thrown)}${thrown.fix === undefined ? "" : ` (${thrown.fix})`}`;
    throw new EnterFailure(taskEvents.setupFailure(world.clock.nowNs(), problem), { problem, hopeless: thrown.code === "SECRET_INVALID" });
  }
}

/** The servers alone can: while none answers, that is said. A task that begins again has them: it asks nobody. */
async function unseal(context: ExecutionContext, beside: Beside, telling: boolean): Promise<void> {
  const { world, allocation, task, tell } = context;
  const marks = sealedMarks(task());
  if (marks.size > 0 && [...marks].every((name) => context.unsealed.has(name))) return;
  const teller = new WaitTeller(world.clock, (message, details) => tell(taskEvents.template(world.clock.nowNs(), message, details)));
  if (telling) teller.say(SEALED);
  try {
    const opened = await orAborted(world.servers.unseal(allocation().ID, beside.signal), beside.signal);
    context.unsealed = new Map(sealedNames(opened));
  } finally {
    teller.stop();
  }
}

const SEALED = waitsFor("the values of its sensitive variables", "the servers, who alone can open them, do not answer");

/** Waits until every block has its values. */
async function fetch(context: ExecutionContext, beside: Beside, telling: boolean): Promise<readonly (readonly [string, string])[]> {
  const { world, task, things, told } = context;
  const blocks = (task().Secrets ?? []).map((block) => ({ block, thing: secretThing(block) }));
  if (blocks.length === 0) return [];
  things.before(told.record.things);
  things.want(
    NAME,
    blocks.map(({ thing }) => thing),
  );
  told.change({ things: things.wanted });
  const { reader } = things;
  const teller = new WaitTeller(world.clock, (message, details) =>
    context.tell(taskEvents.template(world.clock.nowNs(), message, details)),
  );
  let changed = Promise.withResolvers<void>();
  const unsubscribe = reader.subscribe(() => changed.resolve());
  try {
    for (;;) {
      const facts = reader.facts();
      const found = blocks.map(({ block, thing }) => ({ block, thing, values: secretValues(block, facts.get(thingKey(thing))?.value) }));
      const missing: readonly Thing[] = found.flatMap(({ thing, values }) => (values === undefined ? [thing] : []));
      if (missing.length === 0) {
        return found.flatMap(({ block, values }) => {
          assert(values !== undefined);
          return [...values].map(([key, value]) => [`secret.${block.Name}.${key}`, value] as const);
        });
      }
      if (telling) teller.waits({ missing, problems: reader.problems() });
      await orAborted(changed.promise, beside.signal);
      changed = Promise.withResolvers<void>();
    }
  } finally {
    teller.stop();
    unsubscribe();
  }
}
