/**
 * The nodes that could run a group, best first, kept so while allocations are placed one by one. nomad.md §6.3.
 *
 *   score of a node = mean of the scores that apply to it
 *     binpack                    how full it is afterwards (fitness.ts)                 always
 *     devices                    how much the devices it would get are liked            when somebody said
 *     job-anti-affinity          −(allocations of the group there + 1) / count          when there are any
 *     node-affinity              affinity.ts                                            when the job has affinities
 *     node-reschedule-penalty    −1                                                     where this allocation just failed
 *     allocation-spread          spread.ts                                              when not 0
 *     preemption                 preempt/score.ts                                       where others have to go for it
 *
 * Every node is scored. A placement changes the score of its own node only, which a tournament settles in log2(n) matches; with
 * spreads it changes all nodes with the same value, so then the nodes are looked through.
 */
import type { Node, NodeScore } from "#model";
import type { Ask } from "../feasible/ask.ts";
import { type Distinct, firstRefusal } from "../feasible/distinct.ts";
import type { Ledger, Shortfall } from "../feasible/fits.ts";
import type { Draw } from "../seed.ts";
import { type Algorithm, fitness } from "./fitness.ts";
import type { SpreadRule } from "./spread.ts";
import { Tournament } from "./tournament.ts";

export interface RankingInput {
  readonly ledger: Ledger;
  readonly ask: Ask;
  /** Nodes that pass every check. */
  readonly slots: readonly number[];
  readonly algorithm: Algorithm;
  /** The group's count. */
  readonly count: number;
  /** slot → allocations of the group that hold room there. */
  readonly neighbours: ReadonlyMap<number, number>;
  readonly affinity: ((node: Node) => number) | undefined;
  /** Both already told of the allocations that are there. */
  readonly spreads: readonly SpreadRule[];
  readonly distinct: readonly Distinct[];
  readonly draw: Draw;
}

/** What a spread rule reads of the nodes: each position's value as an index into `values`. */
interface SpreadColumn {
  readonly rule: SpreadRule;
  readonly values: readonly (string | undefined)[];
  readonly valueAt: Uint32Array;
  /** What the rule says of each value now; filled anew for every placement. */
  readonly boosts: Float64Array;
}

const PENALTY = -1;
const NO_SLOTS: ReadonlySet<number> = new Set();

export class Ranking {
  readonly #input: RankingInput;
  readonly #positions = new Map<number, number>();
  readonly #neighbours: Map<number, number>;
  readonly #affinities: Float64Array | undefined;
  readonly #tournament: Tournament;
  /** Why the node at this position has no room; left out: it has. */
  readonly #shortfalls: (Shortfall | undefined)[];
  /** Positions without free dynamic ports, found out when one was wanted. */
  readonly #portless = new Map<number, Shortfall>();
  /** Positions distinct_hosts or distinct_property refuse, as far as they were asked. */
  readonly #barred = new Map<number, string>();
  /** How many scores a node's mean is of, without spread and penalty. */
  readonly #applied: Uint8Array;
  #exhaustedCount = 0;
  readonly #ranks: Uint32Array;
  readonly #spreads: readonly SpreadColumn[];

  constructor(input: RankingInput) {
    const { slots, affinity, draw, spreads } = input;
    this.#input = input;
    this.#neighbours = new Map(input.neighbours);
    this.#shortfalls = Array.from({ length: slots.length }, () => undefined);
    this.#affinities = affinity === undefined ? undefined : Float64Array.from(slots, (slot) => affinity(this.#nodeAt(slot)));
    this.#spreads = spreads.map((rule) =>
      spreadColumn(
        rule,
        slots.map((slot) => this.#nodeAt(slot)),
      ),
    );
    this.#applied = new Uint8Array(slots.length);
    this.#ranks = Uint32Array.from(slots, (slot) => draw.rank(slot));
    slots.forEach((slot, position) => this.#positions.set(slot, position));
    this.#tournament = new Tournament(
      Float64Array.from(slots, (_, position) => this.#ownScore(position, 0)),
      this.#ranks,
    );
  }

  /** The best slot with room, or undefined. `penalised`: slots this one allocation had better avoid. */
  best(penalised: ReadonlySet<number> = NO_SLOTS): number | undefined {
    const position = this.#bestPosition(penalised);
    return position < 0 ? undefined : this.#input.slots[position];
  }

  /** The ledger has taken one more of the group on the slot. */
  placed(slot: number): void {
    this.#count(slot, 1);
    this.#refresh(this.#positions.get(slot));
  }

  /** The ledger has released one of the group on the slot, or (by 1) holds it again. */
  released(slot: number, by: 1 | -1 = -1): void {
    this.#count(slot, by);
    const position = this.#positions.get(slot);
    if (position !== undefined) this.#portless.delete(position);
    this.#refresh(position);
    for (const barred of this.#barredPositions()) this.#refresh(barred);
  }

  /** No ports were to be had on the slot. */
  refused(slot: number, shortfall: Shortfall): void {
    const position = this.#positions.get(slot) as number;
    this.#portless.set(position, shortfall);
    this.#refresh(position);
  }

  /** Looked at anew: what was placed elsewhere may have barred the node since. */
  hasRoom(slot: number): boolean {
    const position = this.#positions.get(slot);
    this.#refresh(position);
    return position !== undefined && this.#tournament.scores[position] !== -Infinity;
  }

  /** The node could run the group but has no room: something is lacking, or was when last looked at. */
  isExhausted(slot: number): boolean {
    const position = this.#positions.get(slot);
    return position !== undefined && this.#shortfalls[position] !== undefined;
  }

  /** Of a node with room. */
  scoreOf(slot: number): NodeScore | undefined {
    const position = this.#positions.get(slot);
    return position === undefined ? undefined : this.#explain(position, NO_SLOTS);
  }

  /** Best first, with the parts of their scores. */
  top(most: number, penalised: ReadonlySet<number> = NO_SLOTS): NodeScore[] {
    const taken: number[] = [];
    const scores: NodeScore[] = [];
    while (scores.length < most) {
      const position = this.#bestPosition(penalised);
      if (position < 0) break;
      scores.push(this.#explain(position, penalised));
      taken.push(position);
      this.#tournament.set(position, -Infinity);
    }
    for (const position of taken) this.#refresh(position);
    return scores;
  }

  /** Its score as the ledger stands, others having made room; undefined: distinct_hosts or the like is against it. */
  scoreMakingRoom(slot: number, preemption: number, penalised: ReadonlySet<number> = NO_SLOTS): NodeScore | undefined {
    const position = this.#positions.get(slot);
    if (position === undefined || firstRefusal(this.#input.distinct, this.#nodeAt(slot)) !== undefined) return undefined;
    return this.#explain(position, penalised, preemption);
  }

  /** Looks at every node again: what was found out of those without room may have changed since. */
  settle(): void {
    for (let position = 0; position < this.#shortfalls.length; position++) this.#refresh(position);
  }

  /** For ties between nodes of one score: the lower goes first. */
  rankOf(slot: number): number {
    return this.#ranks[this.#positions.get(slot) as number] as number;
  }

  /** Nodes that could run the group but have no room, with what is lacking. */
  *exhausted(): Generator<{ readonly slot: number; readonly node: Node; readonly shortfall: Shortfall }> {
    if (this.#exhaustedCount === 0) return;
    for (let position = 0; position < this.#shortfalls.length; position++) {
      const shortfall = this.#shortfalls[position];
      if (shortfall !== undefined) yield { slot: this.#slotOf(position), node: this.#nodeOf(position), shortfall };
    }
  }

  /** Nodes distinct_hosts or distinct_property refuse now. */
  *barred(): Generator<{ readonly node: Node; readonly reason: string }> {
    for (const [position, reason] of this.#barred) yield { node: this.#nodeOf(position), reason };
  }

  /** Asks the best again whether it is barred by now, until one is not. */
  #bestPosition(penalised: ReadonlySet<number>): number {
    for (;;) {
      const position = this.#spreads.length > 0 ? this.#bestSpread(penalised) : this.#bestAlone(penalised);
      if (position < 0 || firstRefusal(this.#input.distinct, this.#nodeOf(position)) === undefined) return position;
      this.#refresh(position);
    }
  }

  #bestAlone(penalised: ReadonlySet<number>): number {
    if (penalised.size === 0) return this.#tournament.best();
    const positions = [...penalised].map((slot) => this.#positions.get(slot)).filter((position) => position !== undefined);
    const open = positions.filter((position) => this.#tournament.scores[position] !== -Infinity);
    for (const position of open) this.#tournament.set(position, this.#ownScore(position, 1));
    const best = this.#tournament.best();
    for (const position of open) this.#tournament.set(position, this.#ownScore(position, 0));
    return best;
  }

  /** Only with spreads: looks at every node. */
  #bestSpread(penalised: ReadonlySet<number>): number {
    for (const { rule, values, boosts } of this.#spreads) for (let i = 0; i < values.length; i++) boosts[i] = rule.boost(values[i]);
    const { scores } = this.#tournament;
    let best = -1;
    let bestScore = -Infinity;
    for (let position = 0; position < scores.length; position++) {
      const own = scores[position] as number;
      if (own === -Infinity) continue;
      let boost = 0;
      for (const { boosts, valueAt } of this.#spreads) boost += boosts[valueAt[position] as number] as number;
      const penalty = penalised.size > 0 && penalised.has(this.#slotOf(position)) ? 1 : 0;
      const score = this.#withSpread(penalty === 0 ? own : this.#ownScore(position, penalty), position, penalty, boost);
      if (score < bestScore || (score === bestScore && (this.#ranks[position] as number) >= (this.#ranks[best] as number))) continue;
      best = position;
      bestScore = score;
    }
    return best;
  }

  /** A spread of 0 is not counted. */
  #withSpread(own: number, position: number, penalty: 0 | 1, boost: number): number {
    const applied = (this.#applied[position] as number) + penalty;
    return boost === 0 ? own : (own * applied + boost) / (applied + 1);
  }

  /** A copy: refreshing changes the map. */
  #barredPositions(): number[] {
    return Array.from(this.#barred.keys());
  }

  #count(slot: number, by: 1 | -1): void {
    const { distinct, spreads, ledger } = this.#input;
    const node = ledger.columns.nodes[slot];
    this.#neighbours.set(slot, (this.#neighbours.get(slot) ?? 0) + by);
    if (node === undefined) return;
    for (const rule of spreads) rule.count(rule.valueOf(node), by);
    for (const rule of distinct) {
      if (by > 0) rule.placed(node);
      else rule.removed(node);
    }
  }

  #refresh(position: number | undefined): void {
    if (position !== undefined) this.#tournament.set(position, this.#ownScore(position, 0));
  }

  /** The mean without spreads; −Infinity if it cannot be had. Notes why. */
  #ownScore(position: number, penalties: 0 | 1): number {
    const slot = this.#slotOf(position);
    const { distinct, ask } = this.#input;
    const barred = distinct.length === 0 ? undefined : firstRefusal(distinct, this.#nodeAt(slot));
    if (barred !== undefined) this.#barred.set(position, barred);
    else if (this.#barred.size > 0) this.#barred.delete(position);
    const portless = this.#portless.size === 0 ? undefined : this.#portless.get(position);
    const shortfall = barred === undefined ? (portless ?? ask.shortfall(slot)) : undefined;
    this.#exhaustedCount += (shortfall === undefined ? 0 : 1) - (this.#shortfalls[position] === undefined ? 0 : 1);
    this.#shortfalls[position] = shortfall;
    return barred === undefined && shortfall === undefined ? this.#meanOf(position, penalties) : -Infinity;
  }

  /** As the ledger stands, whether it fits or not. */
  #meanOf(position: number, penalties: 0 | 1): number {
    const slot = this.#slotOf(position);
    const crowding = this.#crowding(slot);
    const affinity = this.#affinities?.[position];
    const devices = this.#input.ask.usesDevices ? this.#input.ask.devicesScore(slot) : undefined;
    const applied = 1 + (crowding === 0 ? 0 : 1) + (affinity === undefined ? 0 : 1) + (devices === undefined ? 0 : 1);
    this.#applied[position] = applied;
    return (this.#fitnessOf(slot) + crowding + (affinity ?? 0) + (devices ?? 0) + penalties * PENALTY) / (applied + penalties);
  }

  #fitnessOf(slot: number): number {
    const { ledger, ask, algorithm } = this.#input;
    return fitness(
      algorithm,
      (ledger.cpuUsed[slot] as number) + ask.cpuAt(slot),
      ledger.columns.cpuTotal[slot] as number,
      (ledger.memoryUsed[slot] as number) + ask.memory,
      ledger.columns.memoryTotal[slot] as number,
    );
  }

  #crowding(slot: number): number {
    const neighbours = this.#neighbours.get(slot) ?? 0;
    return neighbours > 0 ? -(neighbours + 1) / Math.max(1, this.#input.count) : 0;
  }

  #explain(position: number, penalised: ReadonlySet<number>, preemption?: number): NodeScore {
    const slot = this.#slotOf(position);
    const penalty = penalised.has(slot) ? 1 : 0;
    const boost = this.#spreads.reduce((sum, { rule, values, valueAt }) => sum + rule.boost(values[valueAt[position] as number]), 0);
    const mean = this.#withSpread(this.#meanOf(position, penalty), position, penalty, boost);
    const parts = (this.#applied[position] as number) + penalty + (boost === 0 ? 0 : 1);
    const devices = this.#input.ask.usesDevices ? this.#input.ask.devicesScore(slot) : undefined;
    const Scores: Record<string, number> = {
      binpack: this.#fitnessOf(slot),
      ...(devices === undefined ? {} : { devices }),
      "job-anti-affinity": this.#crowding(slot),
      "node-affinity": this.#affinities?.[position] ?? 0,
      "node-reschedule-penalty": penalty * PENALTY,
      ...(this.#spreads.length > 0 ? { "allocation-spread": boost } : {}),
      ...(preemption === undefined ? {} : { preemption }),
    };
    const NormScore = preemption === undefined ? mean : (mean * parts + preemption) / (parts + 1);
    return { NodeID: this.#nodeAt(slot).ID, Scores, NormScore };
  }

  #slotOf(position: number): number {
    return this.#input.slots[position] as number;
  }
  #nodeOf(position: number): Node {
    return this.#nodeAt(this.#slotOf(position));
  }
  #nodeAt(slot: number): Node {
    return this.#input.ledger.columns.nodes[slot] as Node;
  }
}

function spreadColumn(rule: SpreadRule, nodes: readonly Node[]): SpreadColumn {
  const indexes = new Map<string | undefined, number>();
  const valueAt = Uint32Array.from(nodes, (node) => {
    const value = rule.valueOf(node);
    const index = indexes.get(value) ?? indexes.size;
    indexes.set(value, index);
    return index;
  });
  return { rule, values: [...indexes.keys()], valueAt, boosts: new Float64Array(indexes.size) };
}
