/**
 * Follows the proxies of this node: each is asked over its socket, often while it comes up, then every few seconds. Who waits for one is told when
 * it is ready; one that went stale is replaced (standing.ts judges), not more than one at a time and none while Consul is away.
 */
import type { AllocationId } from "#model";
import type { Clock, Proxies, ProxyReport, ProxyStanding, ProxyStatistics, Random, Timer } from "#ports";
import { messageOf } from "#std";
import type { FollowedProxy, ProxyBoard } from "../contract.ts";
import type { Report } from "../world.ts";
import { judge, newMemory, restAfter, type Memory } from "./standing.ts";

export interface BoardNeeds {
  /** undefined: this agent has no proxies; nothing is ever ready. */
  readonly proxies: Pick<Proxies, "look" | "statistics"> | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** Somebody takes connections where the streams of proxies go. Never rejects. */
  readonly consulAnswers: () => Promise<boolean>;
}

const QUICK_MS = 250;
/** Coming up for long: it waits for somebody. */
const SLOWER_MS = 1_000;
const SLOWER_AFTER_MS = 20_000;
const STEADY_MS = 10_000;
/** Something is wrong with it, and may come right or not. */
const WATCHFUL_MS = 2_000;
const REPLACE_GAP_MS = 2_000;
const LOOK_WAIT_MS = 6_000;
/** A person, or a server that checks the mesh, waits for it. */
const REPORT_WAIT_MS = 3_000;
const ANSWERS_KEPT_MS = 2_000;

interface Entry {
  readonly proxy: FollowedProxy;
  readonly ended: AbortController;
  memory: Memory;
  ready: boolean;
  step: ProxyReport["Step"];
  problem: string;
  standing: ProxyStanding | undefined;
  timer: Timer | undefined;
}

/** What stays of a proxy through its replacements. */
interface Past {
  replacements: number;
  /** Not before. */
  restUntilMs: number;
}

export class MeshBoard implements ProxyBoard {
  readonly #needs: BoardNeeds;
  readonly #entries = new Map<AllocationId, Map<string, Entry>>();
  readonly #hindered = new Map<AllocationId, Map<string, { readonly step: ProxyReport["Step"]; readonly problem: string }>>();
  readonly #pasts = new Map<AllocationId, Map<string, Past>>();
  readonly #listeners = new Set<(id: AllocationId) => void>();
  #replacedAtMs = Number.NEGATIVE_INFINITY;
  #answers: { readonly atMs: number; readonly answer: Promise<boolean> } | undefined;

  constructor(needs: BoardNeeds) {
    this.#needs = needs;
  }

  get size(): number {
    return [...this.#entries.values()].reduce((total, each) => total + each.size, 0);
  }

  get readyCount(): number {
    return [...this.#entries.values()].flatMap((each) => [...each.values()]).filter((each) => each.ready).length;
  }

  follow(proxy: FollowedProxy): void {
    const { allocationId: id, task } = proxy;
    this.#end(id, task);
    inner(this.#hindered, id, false)?.delete(task);
    const entry: Entry = {
      proxy,
      ended: new AbortController(),
      memory: newMemory(this.#needs.clock.nowMs()),
      ready: false,
      step: "bootstrap",
      problem: "",
      standing: undefined,
      timer: undefined,
    };
    inner(this.#entries, id, true).set(task, entry);
    this.#tell(id);
    void this.#look(entry);
  }

  hindered(id: AllocationId, task: string, step: ProxyReport["Step"], problem: string): void {
    const known = inner(this.#hindered, id, false)?.get(task);
    if (known?.step === step && known.problem === problem) return;
    if (problem === "") inner(this.#hindered, id, false)?.delete(task);
    else inner(this.#hindered, id, true).set(task, { step, problem });
    this.#tell(id);
  }

  ready(id: AllocationId, task: string): boolean {
    return this.#entries.get(id)?.get(task)?.ready === true;
  }

  /** How it stands, without asking it; undefined: nothing is known of it. */
  standing(id: AllocationId, task: string): { readonly step: ProxyReport["Step"]; readonly problem: string } | undefined {
    return this.#hindered.get(id)?.get(task) ?? this.#entries.get(id)?.get(task);
  }

  async reports(id: AllocationId, statistics: boolean): Promise<readonly ProxyReport[]> {
    const entries = [...(this.#entries.get(id)?.values() ?? [])];
    const followed = await Promise.all(entries.map((entry) => this.#reportOf(entry, statistics)));
    const tasks = new Set(entries.map((each) => each.proxy.task));
    const hindered = [...(this.#hindered.get(id) ?? [])].filter(([task]) => !tasks.has(task));
    return [
      ...followed,
      ...hindered.map(([Task, { step, problem }]) => ({
        Task,
        Service: "",
        Kind: "",
        Standing: null,
        Statistics: null,
        Problem: problem,
        Step: step,
      })),
    ];
  }

  forget(id: AllocationId, task?: string): void {
    const tasks = task === undefined ? [...(this.#entries.get(id)?.keys() ?? []), ...(this.#hindered.get(id)?.keys() ?? [])] : [task];
    for (const each of tasks) {
      this.#end(id, each);
      this.#hindered.get(id)?.delete(each);
    }
    if (this.#entries.get(id)?.size === 0) this.#entries.delete(id);
    if (this.#hindered.get(id)?.size === 0) this.#hindered.delete(id);
    // A single one comes back: how often it was replaced counts on.
    if (task === undefined) this.#pasts.delete(id);
    this.#tell(id);
  }

  subscribe(listener: (id: AllocationId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    for (const [id, tasks] of this.#entries) for (const task of tasks.keys()) this.#end(id, task);
    this.#entries.clear();
    this.#listeners.clear();
  }

  #end(id: AllocationId, task: string): void {
    const entry = this.#entries.get(id)?.get(task);
    entry?.ended.abort();
    entry?.timer?.cancel();
    this.#entries.get(id)?.delete(task);
  }

  async #look(entry: Entry): Promise<void> {
    const { clock } = this.#needs;
    const { standing, problem } = await this.#ask(entry);
    if (entry.ended.signal.aborted) return;
    const well = standing?.stream.connected === true;
    const consulAnswers = well || (await this.#consulAnswers(entry));
    if (entry.ended.signal.aborted) return;
    const judged = judge(entry.proxy, entry.memory, { atMs: clock.nowMs(), standing, problem, consulAnswers });
    const changed = entry.ready !== judged.ready || entry.problem !== judged.problem || entry.step !== judged.step;
    Object.assign(entry, { memory: judged.memory, ready: judged.ready, step: judged.step, problem: judged.problem, standing });
    if (changed) this.#tell(entry.proxy.allocationId);
    if (judged.replace !== "") this.#replace(entry, judged.replace);
    if (entry.ended.signal.aborted) return;
    entry.timer = clock.after(this.#pauseMs(entry, judged.ready && judged.problem === "" && well), () => void this.#look(entry));
  }

  async #ask({ proxy, ended }: Entry, waitMs = LOOK_WAIT_MS): Promise<{ readonly standing?: ProxyStanding; readonly problem: string }> {
    const { proxies, clock } = this.#needs;
    if (proxies === undefined) return { problem: "this agent has no proxies" };
    const timed = new AbortController();
    const timer = clock.after(waitMs, () => timed.abort(new Error("it did not answer in time")));
    try {
      return { standing: await proxies.look(proxy.socketPath, AbortSignal.any([ended.signal, timed.signal])), problem: "" };
    } catch (thrown) {
      return { problem: messageOf(thrown) };
    } finally {
      timer.cancel();
    }
  }

  /** Another proxy here has its stream, or somebody takes connections. */
  async #consulAnswers(entry: Entry): Promise<boolean> {
    const others = [...this.#entries.values()].flatMap((each) => [...each.values()]);
    if (others.some((each) => each !== entry && each.standing?.stream.connected === true)) return true;
    const nowMs = this.#needs.clock.nowMs();
    if (this.#answers === undefined || nowMs - this.#answers.atMs > ANSWERS_KEPT_MS)
      this.#answers = { atMs: nowMs, answer: this.#needs.consulAnswers() };
    return await this.#answers.answer;
  }

  #pauseMs(entry: Entry, well: boolean): number {
    const { clock, random } = this.#needs;
    const jitter = 0.8 + 0.4 * random.fraction();
    if (well) return STEADY_MS * jitter;
    if (entry.memory.wasReady) return WATCHFUL_MS * jitter;
    return clock.nowMs() - entry.memory.followedAtMs > SLOWER_AFTER_MS ? SLOWER_MS * jitter : QUICK_MS;
  }

  #replace(entry: Entry, reason: string): void {
    const { clock, report } = this.#needs;
    const { allocationId, task, service } = entry.proxy;
    const nowMs = clock.nowMs();
    const pasts = inner(this.#pasts, allocationId, true);
    const past = pasts.get(task) ?? { replacements: 0, restUntilMs: 0 };
    if (nowMs < past.restUntilMs || nowMs - this.#replacedAtMs < REPLACE_GAP_MS) return;
    this.#replacedAtMs = nowMs;
    pasts.set(task, { replacements: past.replacements + 1, restUntilMs: nowMs + restAfter(past.replacements + 1) });
    report({ level: "warn", message: "a stale proxy is started anew", fields: { alloc_id: allocationId, task, service, reason } });
    entry.proxy.replace(`Proxy replaced: ${reason}`);
  }

  async #reportOf(entry: Entry, statistics: boolean): Promise<ProxyReport> {
    const { proxies, clock } = this.#needs;
    const { proxy, ended } = entry;
    const now = await this.#ask(entry, REPORT_WAIT_MS);
    let counted: ProxyStatistics | null = null;
    let problem = now.standing === undefined ? now.problem : entry.problem;
    if (statistics && proxies !== undefined && now.standing !== undefined) {
      const timed = new AbortController();
      const timer = clock.after(REPORT_WAIT_MS, () => timed.abort(new Error("it did not say in time what it carried")));
      try {
        counted = await proxies.statistics(proxy.socketPath, AbortSignal.any([ended.signal, timed.signal]));
      } catch (thrown) {
        problem = messageOf(thrown);
      } finally {
        timer.cancel();
      }
    }
    return {
      Task: proxy.task,
      Service: proxy.service,
      Kind: proxy.kind,
      Standing: now.standing ?? null,
      Statistics: counted,
      Problem: problem,
      Step: entry.step,
    };
  }

  #tell(id: AllocationId): void {
    for (const listener of this.#listeners) listener(id);
  }
}

function inner<Value>(map: Map<AllocationId, Map<string, Value>>, id: AllocationId, make: true): Map<string, Value>;
function inner<Value>(map: Map<AllocationId, Map<string, Value>>, id: AllocationId, make: false): Map<string, Value> | undefined;
function inner<Value>(map: Map<AllocationId, Map<string, Value>>, id: AllocationId, make: boolean): Map<string, Value> | undefined {
  const found = map.get(id);
  if (found !== undefined || !make) return found;
  const made = new Map<string, Value>();
  map.set(id, made);
  return made;
}
