/**
 * The task's templates: rendered before it begins, once everything they look at is known (what is missing is said), and followed while it runs
 * (templates/watch.ts). A system that cannot be reached holds up who begins, and takes nothing from who runs, nor from who begins again: that one
 * gets what it had (templates/last-render.ts). nomad.md §1.10.
 */
import assert from "node:assert";
import { NamedError, textOf } from "#std";
import { taskEvents } from "#task";
import type { Fact } from "#template";
import { orAborted } from "../../or-aborted.ts";
import type { Step } from "../../step.ts";
import { parseVariables } from "../../templates/dotenv.ts";
import { readRendered, writeRendered } from "../../templates/files.ts";
import { lastRenders, NEWER_WAIT_MS, nothingNewer } from "../../templates/last-render.ts";
import { prepareTemplates } from "../../templates/prepare.ts";
import { concealValues, hasSealed } from "../../templates/sealed.ts";
import { asksForVariables, TaskTemplates, type PreparedTemplate } from "../../templates/task-templates.ts";
import { digestOf, type ToldRecord } from "../../templates/told.ts";
import { WaitTeller, describeWaits } from "../../templates/waiting.ts";
import { TEMPLATE_THINGS, TemplateWatch } from "../../templates/watch.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { EnterFailure } from "../failure.ts";
import { addVariables } from "../place-secret.ts";
import { setConfig } from "./validate.ts";

const NAME = "template";
/** Of these a template fails whatever it looks at. */
const FINAL = ["TEMPLATE_SYNTAX", "TEMPLATE_FUNCTION_UNKNOWN", "TEMPLATE_TIMEOUT", "TEMPLATE_TOO_LARGE"];

export const template: Step<ExecutionContext> = {
  name: NAME,
  enter: async (context) => {
    if ((context.task().Templates ?? []).length > 0) await enter(context);
    else context.things.settled();
    completeConfig(context);
  },
  resume: async (context) => {
    if ((context.task().Templates ?? []).length > 0) await resume(context);
    else await context.named.then(() => context.things.settled());
  },
  exit: (context) => Beside.end(context, NAME),
  leave: ({ world, allocation, task, things, told }) => {
    world.lookout.forget(allocation().ID, task().Name);
    things.forget();
    told.forget();
  },
};

const NO_TEXTS: ReadonlyMap<string, string> = new Map();

async function enter(context: ExecutionContext): Promise<void> {
  const { world, told, things } = context;
  const attempt = context.machine().attempt;
  const beside = await Beside.begin(context, NAME);
  try {
    things.before(told.record.things);
    const templates = await open(context, context.environment?.variables ?? {});
    const again = rendersAgain(context);
    if (!again) await keepThoseOfOnce(context, templates);
    const kept = await renderAll(context, beside, templates, again ? NO_TEXTS : await lastRenders(world.disk, told.record, templates.all));
    if (beside.over) return;
    const environment = asksForVariables(templates.all) ? (context.environment?.variables ?? {}) : undefined;
    await beside.perform(() => place(context, beside, templates, kept));
    if (beside.over) return;
    things.settled();
    for (const each of templates.all) if (kept.has(each.name)) templates.remember(each, told.record.moments[each.name] ?? 0);
    const rendered = templates.all.filter(({ name }) => !kept.has(name));
    const first = templates.all.filter(
      ({ template: each }) => attempt === 0 && each.ChangeMode === "script" && each.ChangeScript?.RunOnFirstRender === true,
    );
    told.begin(attempt, {
      digests: Object.fromEntries(rendered.map((each) => [each.name, digestOf(templates.standing(each).rendered ?? "")])),
      telling: first.map(({ name }) => name),
      things: things.wanted,
      moments: Object.fromEntries(rendered.map((each) => [each.name, templates.standing(each).momentMs])),
      ...usedOnce(templates),
      ...(environment === undefined ? {} : { environment }),
    });
    new TemplateWatch(context, beside, templates, { found: false, kept }).start();
  } catch (thrown) {
    if (!beside.over) throw failure(context, thrown);
  }
}

/** restart.render_templates */
function rendersAgain({ task, group }: ExecutionContext): boolean {
  return task().RestartPolicy?.RenderTemplates ?? group().RestartPolicy?.RenderTemplates ?? false;
}

/** The process was found again: nothing is done to it unless what it was told of has changed. */
async function resume(context: ExecutionContext): Promise<void> {
  const { world, told, things } = context;
  const attempt = context.machine().attempt;
  const beside = await Beside.begin(context, NAME);
  try {
    things.before(told.record.things);
    if (hasSealed(context.task())) await context.named;
    const known = told.of(attempt);
    const templates = await open(context, known?.environment ?? context.environment?.variables ?? {});
    if (known === undefined) {
      // Nobody remembered what it was started with: what lies there.
      const digests: Record<string, string> = {};
      for (const each of templates.all) {
        const bytes = await readRendered(world.disk, each);
        if (bytes !== undefined) digests[each.name] = digestOf(bytes);
      }
      told.begin(attempt, { digests });
    } else {
      for (const each of templates.all) templates.remember(each, known.moments[each.name] ?? 0);
      await keepThoseOfOnce(context, templates);
    }
    if (!beside.over) new TemplateWatch(context, beside, templates, { found: true, kept: NO_TEXTS }).start();
  } catch (thrown) {
    if (!beside.over) throw thrown;
  }
}

async function open(context: ExecutionContext, environment: Readonly<Record<string, string>>): Promise<TaskTemplates> {
  const { world, things, names } = context;
  const renderer = world.renderer();
  if (renderer === undefined) throw new NamedError("TEMPLATE_RENDERER_MISSING", "Cannot render templates: this agent has no renderer");
  return new TaskTemplates({
    templates: await prepareTemplates(context),
    renderer,
    clock: world.clock,
    deniedFunctions: world.settings.template.functionsDenied,
    environment,
    names,
    facts: () => (things.any ? things.reader.facts() : NOTHING),
  });
}

const NOTHING: ReadonlyMap<string, Fact> = new Map();

/** `once`: what an earlier attempt rendered, and what still lies there, is not rendered again. */
async function keepThoseOfOnce({ world, told }: ExecutionContext, templates: TaskTemplates): Promise<void> {
  for (const each of templates.all) {
    const digest = told.record.digests[each.name];
    if (!each.template.Once || digest === undefined) continue;
    const bytes = await readRendered(world.disk, each);
    const used = told.record.once?.[each.name] ?? [];
    if (bytes !== undefined && digestOf(bytes) === digest) templates.keep(each, textOf(bytes), used);
  }
}

function usedOnce(templates: TaskTemplates): Pick<ToldRecord, "once"> {
  const once = templates.all.filter((each) => each.template.Once).map((each) => [each.name, templates.standing(each).used] as const);
  return once.length === 0 ? {} : { once: Object.fromEntries(once) };
}

/**
 * Until everything is known, or nobody wants it any more. Rejects with what cannot come right by waiting. `last`: what is there of an earlier attempt;
 * answers what of it has to do.
 */
async function renderAll(
  context: ExecutionContext,
  beside: Beside,
  templates: TaskTemplates,
  last: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const { world, things, told } = context;
  const before = last.size === 0 ? [] : told.record.things;
  const teller = new WaitTeller(world.clock, (message, details) => {
    if (!beside.over) context.tell(taskEvents.template(world.clock.nowNs(), message, details));
  });
  let changed = Promise.withResolvers<void>();
  let unsubscribe: (() => void) | undefined;
  let late = false;
  const timer = world.clock.after(NEWER_WAIT_MS, () => {
    late = true;
    changed.resolve();
  });
  try {
    for (;;) {
      const stale = templates.all.filter((each) => templates.isStale(each));
      if (stale.length > 0) {
        await orAborted(templates.render(stale), beside.signal);
        const done = templates.complete && !failing(templates);
        // What the last render was made of is let go of when there is another.
        things.want(TEMPLATE_THINGS, done ? templates.used : [...before, ...templates.used]);
        told.change({ things: things.wanted });
        if (things.any) unsubscribe ??= things.reader.subscribe(() => changed.resolve());
        if (done) return NO_TEXTS;
        requireHope(templates);
        // Something may have come while it was rendered.
        if (stale.some((each) => templates.isStale(each))) continue;
      }
      const waiting = waitingFor(context, templates);
      if (waiting === undefined) return NO_TEXTS;
      const kept = keptOf(context, templates, last, late);
      if (kept !== undefined) {
        const message = `Started with what was rendered before: ${waiting.message}`;
        context.tell(taskEvents.template(world.clock.nowNs(), message, waiting.details));
        return kept;
      }
      teller.say(waiting);
      await orAborted(changed.promise, beside.signal);
      changed = Promise.withResolvers<void>();
    }
  } finally {
    timer.cancel();
    teller.stop();
    unsubscribe?.();
  }
}

/** What lies there in place of what cannot be rendered; undefined: that is to be waited for. */
function keptOf(
  { things }: ExecutionContext,
  templates: TaskTemplates,
  last: ReadonlyMap<string, string>,
  late: boolean,
): ReadonlyMap<string, string> | undefined {
  const kept = new Map<string, string>();
  for (const each of templates.all) {
    const standing = templates.standing(each);
    if (standing.missing.length === 0 && standing.problem === undefined) continue;
    const text = last.get(each.name);
    const [facts, problems] = things.any ? [things.reader.facts(), things.reader.problems()] : [NOTHING, new Map<string, string>()];
    if (text === undefined || !nothingNewer(standing, facts, problems, late)) return undefined;
    kept.set(each.name, text);
  }
  return kept;
}

function failing(templates: TaskTemplates): boolean {
  return templates.all.some((each) => templates.standing(each).problem !== undefined);
}

/** Data may be mended; a template that looks at none of it cannot. */
function requireHope(templates: TaskTemplates): void {
  for (const each of templates.all) {
    const { problem, used } = templates.standing(each);
    if (problem === undefined || (!FINAL.includes(problem.code) && used.length > 0)) continue;
    throw new NamedError(problem.code, `Template failed: ${problem.message}`, { fix: problem.fix });
  }
}

function waitingFor(
  { things }: ExecutionContext,
  templates: TaskTemplates,
): { readonly message: string; readonly details: Readonly<Record<string, string>> } | undefined {
  const standings = templates.all.map((each) => templates.standing(each));
  const missing = [...new Map(standings.flatMap((each) => each.missing).map((thing) => [JSON.stringify(thing), thing])).values()];
  const [problem] = standings.flatMap((each) => (each.problem === undefined ? [] : [each.problem]));
  if (missing.length > 0) return describeWaits({ missing, problems: things.any ? things.reader.problems() : new Map() });
  if (problem === undefined) return undefined;
  const message = `Template failed: ${problem.message}${problem.fix === "" ? "" : ` (${problem.fix})`}`;
  return { message, details: { template_error: message } };
}

/** Files and variables, before the process begins. */
async function place(
  context: ExecutionContext,
  beside: Beside,
  templates: TaskTemplates,
  kept: ReadonlyMap<string, string>,
): Promise<void> {
  for (const each of templates.all) {
    const rendered = kept.get(each.name) ?? templates.standing(each).rendered;
    assert(rendered !== undefined, "all templates are rendered");
    if (beside.over) return;
    // First: a file that is no list of variables is not written.
    const variables = variablesOf(each, rendered);
    await writeRendered(context.world.disk, each, rendered);
    addVariables(context, variables);
  }
}

function variablesOf({ template: { Envvars, DestPath } }: PreparedTemplate, rendered: string): Readonly<Record<string, string>> {
  return Envvars ? parseVariables(rendered, DestPath) : {};
}

/** What was written with names that are known only now: secrets, variables of templates and tokens. */
function completeConfig(context: ExecutionContext): void {
  const { environment, names, world } = context;
  if (environment === undefined || !JSON.stringify(context.task().Config).includes("${")) return;
  const all = new Map([...environment.names, ...Object.entries(context.added), ...names]);
  try {
    setConfig(context, all);
  } catch (thrown) {
    if (!(thrown instanceof NamedError)) throw thrown;
    const secrets = new Map([...names, ...Object.entries(context.added).map(([name, value]) => [`secret.${name}`, value] as const)]);
    const problem = concealValues(thrown.message, secrets);
    throw new EnterFailure(taskEvents.failedValidation(world.clock.nowNs(), problem), { problem, hopeless: true });
  }
}

function failure({ world }: ExecutionContext, thrown: unknown): unknown {
  if (!(thrown instanceof NamedError)) return thrown;
  const fix = thrown.fix === undefined || thrown.fix === "" ? "" : ` (${thrown.fix})`;
  const problem = `${thrown.message}${fix}`;
  const hopeless = FINAL.includes(thrown.code) || ["FILE_OUTSIDE", "TEMPLATE_INVALID", "TEMPLATE_RENDERER_MISSING"].includes(thrown.code);
  return new EnterFailure(taskEvents.setupFailure(world.clock.nowNs(), problem), { problem, hopeless });
}
