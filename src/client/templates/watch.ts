/**
 * Templates beside a running process: renders what changed, writes what differs, and tells the process as its job says (change_mode).
 *
 *   a thing changed ──(wait: quiet)──► rendered, written ──► bytes the process was not told of: pending
 *   pending ──(splay)──► signals, scripts ──► told
 *             (splay)──► restart: a turn is taken first ──► the task's next attempt reads them all
 *   bytes are again what it was told of: nothing is pending
 *
 * What is pending follows from what is rendered and what is remembered to be told (told.ts) alone: so an agent that finds the process again goes
 * on where the last one died. Nothing is done before the process runs. A system that cannot be reached changes nothing.
 */
import { messageOf } from "#std";
import { taskEvents } from "#task";
import { thingKey, type Thing } from "#ports";
import type { Fact } from "#template";
import type { Beside } from "../execution/beside.ts";
import type { ExecutionContext } from "../execution/context.ts";
import { addVariables } from "../execution/place-secret.ts";
import { parseVariables } from "./dotenv.ts";
import { writeRendered } from "./files.ts";
import { planChange, splayMs } from "./plan.ts";
import { dueMs, unrest, type Unrest } from "./quiet.ts";
import { runScript } from "./script.ts";
import { sameFact, type PreparedTemplate, type TaskTemplates } from "./task-templates.ts";
import { digestOf } from "./told.ts";
import { describeWaits } from "./waiting.ts";

export const TEMPLATE_THINGS = "template";
const WHO = "template";
const NO_PROBLEMS: ReadonlyMap<string, string> = new Map();
/** A disk may be full for a while. */
const RETRY_MS = 10_000;

export class TemplateWatch {
  readonly #context: ExecutionContext;
  readonly #beside: Beside;
  readonly #templates: TaskTemplates;
  readonly #unrest = new Map<string, Unrest>();
  readonly #complained = new Map<string, string>();
  #actAtMs: number | undefined;
  #turn: "none" | "asked" | "granted" = "none";
  /** Why it waits for its turn, as told; "": nothing was told. */
  #waiting = "";
  #giveUp: AbortController | undefined;
  #wake = Promise.withResolvers<void>();
  #change: Promise<void> | undefined;
  #facts: ReadonlyMap<string, Fact> = new Map();
  /** Digests of what lies in the files. */
  readonly #written = new Map<string, string>();
  /** Rendered, and could not be written: when to try again. */
  readonly #unwritten = new Map<string, number>();
  readonly #found: boolean;
  readonly #kept: { has(name: string): boolean };
  /** What the process has been told of was made of these. */
  #settledThings: readonly Thing[] = [];

  /**
   * `found`: the process was there before; nothing is rendered yet. Else what is rendered lies in its place. `kept`: of these templates it is what the
   * process before was told of.
   */
  constructor(
    context: ExecutionContext,
    beside: Beside,
    templates: TaskTemplates,
    how: { readonly found: boolean; readonly kept: { has(name: string): boolean } },
  ) {
    this.#found = how.found;
    this.#kept = how.kept;
    this.#context = context;
    this.#beside = beside;
    this.#templates = templates;
  }

  /** Until the process is left. */
  start(): void {
    const { things } = this.#context;
    if (this.#found) for (const { name } of this.#templates.all) this.#unrest.set(name, { sinceMs: 0, lastMs: 0 });
    else {
      const rendered = this.#templates.all.filter((each) => !this.#kept.has(each.name));
      for (const [name, digest] of Object.entries(this.#digests(rendered))) this.#written.set(name, digest);
      this.#settledThings = things.wanted;
    }
    if (things.any) {
      this.#facts = new Map(things.reader.facts());
      this.#beside.atEnd(things.reader.subscribe(() => this.#noticed()));
    }
    this.#beside.atEnd(() => {
      this.#wake.resolve();
      this.#leaveTurn();
    });
    void this.#work();
    this.#noticed();
  }

  #noticed(): void {
    const now = this.#context.world.clock.nowMs();
    const before = this.#facts;
    const facts = this.#context.things.any ? new Map(this.#context.things.reader.facts()) : before;
    this.#facts = facts;
    for (const each of this.#templates.all) {
      if (!this.#templates.isStale(each)) {
        // As it was: what came in between is nothing to act on.
        this.#unrest.delete(each.name);
        continue;
      }
      const restless = this.#unrest.get(each.name);
      const again = this.#templates.standing(each).used.some((thing) => !sameFact(before.get(thingKey(thing)), facts.get(thingKey(thing))));
      if (restless === undefined || (again && restless.sinceMs > 0)) this.#unrest.set(each.name, unrest(restless, now));
    }
    this.#nudge();
  }

  async #work(): Promise<void> {
    const { world, machine } = this.#context;
    while (!this.#beside.over) {
      const now = world.clock.nowMs();
      const due = this.#due(now);
      if (due.length > 0) {
        await this.#renew(due);
        continue;
      }
      const pending = this.#pending();
      const running = machine().phase === "running";
      if (pending.length === 0) this.#calm();
      else if (running) {
        this.#actAtMs ??= now + splayMs(pending) * world.random.fraction();
        if (now >= this.#actAtMs && (await this.#act(pending))) continue;
      }
      await this.#pause(running && pending.length > 0);
    }
  }

  /** Whatever goes wrong, a later round tries again: the watch never ends before the process (F51). */
  async #renew(due: readonly PreparedTemplate[]): Promise<void> {
    for (const { name } of due) {
      this.#unrest.delete(name);
      this.#unwritten.delete(name);
    }
    try {
      // Nobody who ends the task waits for a template that does not end.
      await this.#templates.render(due);
      if (this.#beside.over) return;
      this.#want();
      await this.#beside.perform(() => this.#write(due));
    } catch (thrown) {
      if (this.#beside.over) return;
      for (const each of due) {
        this.#complain(each, `Template failed: ${messageOf(thrown)}`);
        this.#unwritten.set(each.name, this.#context.world.clock.nowMs() + RETRY_MS);
      }
    }
  }

  /** What was just rendered. */
  async #write(due: readonly PreparedTemplate[]): Promise<void> {
    const { world, told } = this.#context;
    for (const each of due) {
      if (this.#beside.over) return;
      const { rendered, problem, missing, momentMs } = this.#templates.standing(each);
      if (problem !== undefined)
        this.#complain(each, `Template failed: ${problem.message}${problem.fix === "" ? "" : ` (${problem.fix})`}`);
      // What an agent that finds the process has not looked at yet is not missing.
      if (problem === undefined && missing.length > 0 && this.#written.has(each.name))
        this.#complain(each, describeWaits({ missing, problems: NO_PROBLEMS }).message);
      if (problem !== undefined || missing.length > 0 || rendered === undefined) continue;
      try {
        const variables = each.template.Envvars ? parseVariables(rendered, each.template.DestPath) : {};
        await writeRendered(world.disk, each, rendered);
        // For commands beside a process that was found again; else it keeps those it was started with.
        if (this.#found && !this.#written.has(each.name)) addVariables(this.#context, variables);
        this.#written.set(each.name, digestOf(rendered));
        // Whoever reads the events (job why) takes the last one for what is.
        if (this.#complained.delete(each.name)) this.#tell("Template rendered again");
        told.change({ moments: { [each.name]: momentMs } });
      } catch (thrown) {
        if (this.#beside.over) return;
        this.#complain(each, `Template failed: ${messageOf(thrown)}`);
        this.#unwritten.set(each.name, world.clock.nowMs() + RETRY_MS);
      }
    }
    const silent = this.#pending().filter(({ name, template }) => template.ChangeMode === "noop" && !told.record.telling.includes(name));
    if (silent.length > 0) told.told(this.#digests(silent));
    this.#want();
  }

  /** What the process uses stays wanted until it was told of what replaces it. */
  #want(): void {
    const { told, things } = this.#context;
    const { used } = this.#templates;
    const kept = this.#pending().length > 0 || !this.#templates.complete ? this.#settledThings : [];
    const had = things.any;
    things.want(TEMPLATE_THINGS, [...kept, ...used]);
    if (this.#pending().length === 0 && this.#templates.complete) {
      this.#settledThings = used;
      things.settled();
    }
    told.change({ things: things.wanted });
    if (!had && things.any) this.#beside.atEnd(things.reader.subscribe(() => this.#noticed()));
  }

  /**
   * With one that is due come those that look at what changed for it, unless they wait longer for the first change: who is told of one file finds the
   * others made of the same.
   */
  #due(nowMs: number): readonly PreparedTemplate[] {
    const due = this.#templates.all.filter((each) => (this.#dueAtMs(each) ?? Number.POSITIVE_INFINITY) <= nowMs);
    const changed = new Set(due.flatMap((each) => this.#templates.changed(each)));
    return this.#templates.all.filter((each) => {
      if (due.includes(each)) return true;
      const restless = this.#unrest.get(each.name);
      const waited = restless !== undefined && restless.sinceMs + each.wait.minMs <= nowMs;
      return waited && this.#templates.changed(each).some((key) => changed.has(key));
    });
  }

  #dueAtMs(each: PreparedTemplate): number | undefined {
    const restless = this.#unrest.get(each.name);
    return restless === undefined ? this.#unwritten.get(each.name) : dueMs(restless, each.wait);
  }

  /** In its place, and not what the process was last told of. */
  #pending(): readonly PreparedTemplate[] {
    const { digests, telling } = this.#context.told.record;
    return this.#templates.all.filter(({ name }) => {
      const written = this.#written.get(name);
      return written !== undefined && (telling.includes(name) || digests[name] !== written);
    });
  }

  #digests(templates: readonly PreparedTemplate[]): Readonly<Record<string, string>> {
    return Object.fromEntries(
      templates.map((each) => [each.name, this.#written.get(each.name) ?? digestOf(this.#templates.standing(each).rendered ?? "")]),
    );
  }

  /** The change vanished, or was told. */
  #calm(): void {
    if (this.#actAtMs === undefined && this.#turn === "none") return;
    this.#actAtMs = undefined;
    this.#leaveTurn();
  }

  /** Whether something was done. */
  async #act(pending: readonly PreparedTemplate[]): Promise<boolean> {
    const { told, restart } = this.#context;
    const plan = planChange(pending);
    if (plan.restart) {
      if (this.#turn === "none") this.#ask();
      if (this.#turn !== "granted") return false;
      restart("Template with change_mode restart re-rendered");
      this.#turn = "none";
      this.#context.turn.done(WHO, true);
      return false;
    }
    this.#leaveTurn();
    this.#actAtMs = undefined;
    const digests = this.#digests(pending);
    await this.#beside.perform(async () => {
      told.telling(plan.names);
      for (const signal of plan.signals) await this.#signal(signal);
      const lived = await Promise.all(plan.scripts.map((script) => this.#run(script)));
      if (this.#beside.over || lived.includes(false)) return;
      told.told(digests);
      this.#want();
    });
    return true;
  }

  async #signal(signal: string): Promise<void> {
    try {
      await this.#context.signal(signal);
    } catch (thrown) {
      if (!this.#beside.over) this.#tell(`Template re-rendered, and ${signal} could not be sent: ${messageOf(thrown)}`);
    }
  }

  /** false: the process ended, or has to. */
  async #run(script: Parameters<typeof runScript>[0]): Promise<boolean> {
    const { world, exec, kill, tell } = this.#context;
    const problem = await runScript(script, exec, world.clock, this.#beside.signal);
    if (this.#beside.over) return false;
    const now = world.clock.nowNs();
    if (problem === undefined) {
      this.#tell(`Template successfully ran script ${script.Command} with arguments: ${JSON.stringify(script.Args ?? [])}`);
      return true;
    }
    const event = taskEvents.scriptFailed(now, script.Command, script.Args ?? [], problem, script.FailOnError);
    if (!script.FailOnError) {
      tell(event);
      return true;
    }
    kill({ because: event, reason: `Template failed to run script ${script.Command}`, fails: true });
    return false;
  }

  #ask(): void {
    const { turn } = this.#context;
    this.#turn = "asked";
    const giveUp = new AbortController();
    this.#giveUp = giveUp;
    const signal = AbortSignal.any([giveUp.signal, this.#beside.signal]);
    const waiting = (reason: string) => {
      if (giveUp.signal.aborted || reason === this.#waiting) return;
      this.#waiting = reason;
      this.#tell(`Template re-rendered, waiting to restart: ${reason}`);
    };
    turn.take(WHO, signal, waiting).then(
      () => {
        if (giveUp.signal.aborted) return;
        this.#turn = "granted";
        this.#waiting = "";
        this.#nudge();
      },
      // Given up.
      () => undefined,
    );
  }

  #leaveTurn(): void {
    if (this.#turn === "none") return;
    this.#turn = "none";
    this.#giveUp?.abort(new Error("nothing is to be restarted"));
    this.#context.turn.done(WHO, false);
    if (this.#waiting !== "" && !this.#beside.over) this.#tell("Template is as the task knows it again: it is not restarted");
    this.#waiting = "";
  }

  /** Until the next thing is due, something was noticed, or the task changed. */
  async #pause(acting: boolean): Promise<void> {
    const { world, change } = this.#context;
    const times = this.#templates.all.flatMap((each) => {
      const dueAtMs = this.#dueAtMs(each);
      return dueAtMs === undefined ? [] : [dueAtMs];
    });
    const now = world.clock.nowMs();
    if (acting && this.#actAtMs !== undefined && this.#actAtMs > now) times.push(this.#actAtMs);
    const next = Math.min(...times);
    const timer = Number.isFinite(next) ? world.clock.after(Math.max(0, next - now), () => this.#nudge()) : undefined;
    // One listener for each change of the task, however often is paused until it comes.
    const changed = change();
    if (changed !== this.#change) void changed.then(() => this.#nudge());
    this.#change = changed;
    await this.#wake.promise;
    timer?.cancel();
    this.#wake = Promise.withResolvers<void>();
  }

  #nudge(): void {
    this.#wake.resolve();
  }

  /** Once for each new text. */
  #complain({ name }: PreparedTemplate, message: string): void {
    if (this.#complained.get(name) === message) return;
    this.#complained.set(name, message);
    this.#tell(message);
  }

  #tell(message: string): void {
    this.#context.tell(taskEvents.template(this.#context.world.clock.nowNs(), message));
  }
}
