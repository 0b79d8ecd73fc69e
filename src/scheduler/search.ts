/**
 * Where one version of a group could go, best first, on what the pass has left. The nodes are filtered and scored once; each placement
 * then changes only what it touches.
 *
 *   checks ─► ranking ─► best with room ─► grant
 *                            │ none
 *                            └─► others make room, where the operator allows it (preempt/)        nomad.md §6.4
 */
import type { AllocatedResources, Allocation, AllocMetric, Job, Node, NodeScore, TaskGroup } from "#model";
import { explain, type Explained, explainedOf, type Filtered } from "./explain.ts";
import { type Ask, askOf } from "./feasible/ask.ts";
import { poolConfiguration } from "./feasible/configuration.ts";
import { distinctRules } from "./feasible/distinct.ts";
import type { Shortfall } from "./feasible/fits.ts";
import type { Availability, Pass } from "./pass.ts";
import { mayPreempt, victimsOn } from "./preempt/preemptor.ts";
import { preemptionScore } from "./preempt/score.ts";
import { compileAffinities } from "./rank/affinity.ts";
import { Ranking } from "./rank/ranking.ts";
import { compileSpreads } from "./rank/spread.ts";

/**
 * The first so many placements of a group in a pass carry their own account of how their node was chosen; later ones share the last.
 * An account each would be the larger part of what an allocation costs.
 */
const OWN_METRICS_MAX = 8;
const SCORES_MAX = 5;
const NONE: readonly never[] = Object.freeze([]);
/** An account of one node that was taken: nothing excluded it. */
const UNFILTERED = {
  NodesFiltered: 0,
  ClassFiltered: {},
  ConstraintFiltered: {},
  NodesExhausted: 0,
  ClassExhausted: {},
  DimensionExhausted: {},
  NearestFit: null,
} as const;

export interface Found {
  readonly slot: number;
  /** Taken on the ledger. */
  readonly resources: AllocatedResources;
  readonly metrics: AllocMetric;
  /** Released on the ledger: they have to go for it. */
  readonly victims: readonly Allocation[];
}

export class Search {
  readonly #pass: Pass;
  readonly #job: Job;
  readonly #ask: Ask;
  readonly #explained: Explained;
  readonly ranking: Ranking;
  readonly #makesRoom: boolean;
  /** Slots where not even others' going helps, as found out. */
  readonly #hopeless = new Set<number>();
  #metrics: AllocMetric | null = null;
  #metricsMade = 0;

  /** `available`: the nodes to look at; all that are there unless said otherwise. */
  constructor(pass: Pass, job: Job, group: TaskGroup, available: Availability = pass.availability(job)) {
    this.#pass = pass;
    this.#job = job;
    const { ledger, draw, snapshot } = pass;
    const configuration = poolConfiguration(snapshot, job);
    const { nodes } = ledger.columns;
    const checks = pass.checksOf(job, group);
    const filtered: Filtered[] = [];
    const slots: number[] = [];
    for (const slot of available.slots) {
      const node = nodes[slot] as Node;
      const reason = checks.refusal(node);
      if (reason === undefined) slots.push(slot);
      else filtered.push({ node, reason });
    }
    this.#ask = askOf(group, ledger, draw, configuration.MemoryOversubscriptionEnabled);
    const spreads = compileSpreads(job, group);
    const distinct = distinctRules(job, group, pass.held(), pass.nodeOf);
    const valuesAt = (nodeId: string, by: 1 | -1): void => {
      const node = spreads.length === 0 ? undefined : pass.nodeOf(nodeId);
      if (node !== undefined) for (const rule of spreads) rule.count(rule.valueOf(node), by);
    };
    const neighbours = new Map<number, number>();
    for (const held of pass.held()) {
      const slot = ledger.columns.slotOf(held.NodeID);
      if (held.TaskGroup !== group.Name || slot === undefined) continue;
      neighbours.set(slot, (neighbours.get(slot) ?? 0) + 1);
      valuesAt(held.NodeID, 1);
    }
    // What this plan stops leaves its value in use, by nobody.
    for (const old of spreads.length === 0 ? [] : pass.allocations) {
      if (old.TaskGroup !== group.Name || !ledger.isReleased(old.ID)) continue;
      valuesAt(old.NodeID, 1);
      valuesAt(old.NodeID, -1);
    }
    this.ranking = new Ranking({
      ledger,
      ask: this.#ask,
      slots,
      algorithm: configuration.SchedulerAlgorithm,
      count: group.Count ?? 1,
      neighbours,
      affinity: compileAffinities(job, group),
      spreads,
      distinct,
      draw,
    });
    this.#makesRoom = mayPreempt(snapshot.schedulerConfiguration(), job.Type);
    this.#explained = explainedOf({ pass, job, available, filtered, ranking: this.ranking, ask: this.#ask });
  }

  /** `preferred`: taken if it has room. `penalised`: slots it had better avoid. Undefined: it fits nowhere. */
  find(preferred: number | undefined, penalised: ReadonlySet<number> | undefined): Found | undefined {
    let wish = preferred;
    for (;;) {
      const slot = wish !== undefined && this.ranking.hasRoom(wish) ? wish : this.ranking.best(penalised);
      wish = undefined;
      if (slot === undefined) return this.#makesRoom ? this.#findMakingRoom(penalised) : undefined;
      const metrics = this.#account(penalised);
      const resources = this.#ask.grant(slot);
      if (!isShortfall(resources)) return { slot, resources, metrics, victims: NONE };
      this.ranking.refused(slot, resources);
    }
  }

  /** On this very node, or not at all. */
  findOn(slot: number): Found | undefined {
    if (this.ranking.hasRoom(slot)) {
      const score = this.ranking.scoreOf(slot);
      const resources = this.#ask.grant(slot);
      if (!isShortfall(resources)) return { slot, resources, metrics: this.#accountOn(score), victims: NONE };
      this.ranking.refused(slot, resources);
    }
    const option = this.#makesRoom && this.isExhausted(slot) ? this.#optionOn(slot, undefined) : undefined;
    return option === undefined ? undefined : this.#grantMakingRoom(option, [option.score]);
  }

  /** The node could run the group but has no room. */
  isExhausted(slot: number): boolean {
    return this.ranking.isExhausted(slot);
  }

  /** Why it fits nowhere now. */
  failure(): AllocMetric {
    this.ranking.settle();
    return explain(this.#explained, NONE);
  }

  #account(penalised: ReadonlySet<number> | undefined): AllocMetric {
    if (this.#metrics === null || this.#metricsMade < OWN_METRICS_MAX || penalised !== undefined) {
      this.#metrics = explain(this.#explained, this.ranking.top(SCORES_MAX, penalised));
      this.#metricsMade++;
    }
    return this.#metrics;
  }

  /** Of one node: what is said of the others is the same for all. */
  #accountOn(score: NodeScore | undefined): AllocMetric {
    this.#metrics ??= { ...explain(this.#explained, NONE), NodesEvaluated: 1, ...UNFILTERED };
    return { ...this.#metrics, ScoreMetaData: score === undefined ? NONE : [score] };
  }

  #findMakingRoom(penalised: ReadonlySet<number> | undefined): Found | undefined {
    const options = this.#optionsMakingRoom(penalised);
    const scores = options.slice(0, SCORES_MAX).map((option) => option.score);
    for (const option of options) {
      const found = this.#grantMakingRoom(option, scores);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #grantMakingRoom({ slot, victims }: Option, scores: readonly NodeScore[]): Found | undefined {
    const { ledger } = this.#pass;
    for (const victim of victims) ledger.release(victim);
    const resources = this.#ask.grant(slot);
    if (!isShortfall(resources)) return { slot, resources, metrics: explain(this.#explained, scores), victims };
    for (const victim of victims) ledger.hold(victim);
    this.#hopeless.add(slot);
    return undefined;
  }

  /** Best first. */
  #optionsMakingRoom(penalised: ReadonlySet<number> | undefined): readonly Option[] {
    const options: Option[] = [];
    for (const { slot } of this.ranking.exhausted()) {
      const option = this.#hopeless.has(slot) ? undefined : this.#optionOn(slot, penalised);
      if (option === undefined) this.#hopeless.add(slot);
      else options.push(option);
    }
    const rank = (option: Option) => this.ranking.rankOf(option.slot);
    return options.sort((a, b) => b.score.NormScore - a.score.NormScore || rank(a) - rank(b) || a.slot - b.slot);
  }

  #optionOn(slot: number, penalised: ReadonlySet<number> | undefined): Option | undefined {
    const { ledger, evictions } = this.#pass;
    const input = { ledger, ask: this.#ask, job: this.#job, preempted: evictions.counts };
    return victimsOn(slot, input, (victims): Option | undefined => {
      const preemption = preemptionScore(victims.map((victim) => victim.Job.Priority));
      const score = this.ranking.scoreMakingRoom(slot, preemption, penalised);
      return score === undefined ? undefined : { slot, victims, score };
    });
  }
}

interface Option {
  readonly slot: number;
  readonly victims: readonly Allocation[];
  readonly score: NodeScore;
}

export function isShortfall(granted: AllocatedResources | Shortfall): granted is Shortfall {
  return "dimension" in granted;
}
