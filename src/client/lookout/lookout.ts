/**
 * Things that templates look at, each watched once for the whole node (watch.ts), by whoever has proven with its own token that it may (look.ts);
 * what is made for one task alone is stored sealed before anybody hears of it (private-record.ts), and given back at the end (returns.ts).
 *
 *   reader.want ─► a look for each thing ─► the node's watch on it ─► its source
 *                                     └───► its own: renewed ─► replaced, left to run out ─► given back by `forget`
 *
 * Invariants:
 * - One watch for each thing, however many look; it ends with the last of them, half a minute after it is not wanted.
 * - Nothing that fails ends anything: what is known stays known, and is looked at again (F33, F51).
 * - Whatever was made is in the store, or given back: kill -9 at any moment, then a restart, makes no second credentials (F52, F53).
 */
import type { AllocationId } from "#model";
import { thingKey, type Clock, type Lease, type Random, type Reading, type Thing, type ThingSource, type ThingSystem } from "#ports";
import { messageOf, NamedError } from "#std";
import type { Lookout, ThingReaderNeeds } from "../contract.ts";
import type { FactStore } from "../sealed-facts.ts";
import type { Report } from "../world.ts";
import { Gate } from "./gate.ts";
import { Look, type Shelf } from "./look.ts";
import { eraseRecord, isLeased, isOut, readRecords, recordOf, writeRecord, type PrivateRecord } from "./private-record.ts";
import { Reader } from "./reader.ts";
import { LeaseReturns } from "./returns.ts";
import { meantBy, readerKey, watchKey } from "./scope.ts";
import { ThingWatch } from "./watch.ts";
import { workloadToken } from "./workload.ts";

/** First reads, proofs and renewals of one system at once; reads that wait are not counted. */
const AT_ONCE: Readonly<Record<ThingSystem, number>> = { consul: 32, vault: 16, nomad: 64, file: 16 };
/** What was asked for somebody who has gone is heard of for so long. */
const ORPHAN_WAIT_MS = 30_000;
const CLOSE_WAIT_MS = 3_000;

export interface ThingLookoutNeeds {
  /** One for each system; of a system that has none every look says so. */
  readonly sources: readonly ThingSource[];
  /** Sealed: SealedFacts. */
  readonly facts: FactStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
}

export interface LookoutCounts {
  readonly things: number;
  readonly readers: number;
  /** In flight. */
  readonly reads: number;
  readonly leases: number;
  readonly returning: number;
}

export class ThingLookout implements Lookout {
  readonly #needs: ThingLookoutNeeds;
  readonly #sources: ReadonlyMap<ThingSystem, ThingSource>;
  readonly #gates = new Map<ThingSystem, Gate>();
  readonly #readers = new Map<string, Reader>();
  readonly #watches = new Map<string, { readonly watch: ThingWatch; users: number }>();
  /** Closed ones whose proofs are waited for. */
  readonly #ending = new Set<ThingWatch>();
  readonly #kept = new Map<string, PrivateRecord[]>();
  readonly #returns: LeaseReturns;
  #reads = 0;
  #closing = false;
  #closed = false;

  constructor(needs: ThingLookoutNeeds) {
    this.#needs = needs;
    this.#sources = new Map(needs.sources.map((source) => [source.system, source]));
    this.#returns = new LeaseReturns({ ...needs, sources: this.#sources });
  }

  /** After a restart: what belongs to allocations that still live here waits for its reader, the rest is given back. Once, before anything else. */
  restore(living: ReadonlySet<AllocationId>): void {
    const { facts, clock } = this.#needs;
    for (const record of readRecords(facts)) {
      if (isOut(record, clock.nowMs())) eraseRecord(facts, record);
      else if (record.state === "returning" || !living.has(record.allocation)) this.#giveBack(record);
      else {
        const key = readerKey(record.allocation, record.task);
        this.#kept.set(key, [...(this.#kept.get(key) ?? []), record]);
      }
    }
  }

  reader: Lookout["reader"] = (who) => {
    const key = readerKey(who.allocation.ID, who.task);
    const known = this.#readers.get(key);
    if (known !== undefined) {
      known.use(who);
      return known;
    }
    const reader = new Reader(who, {
      clock: this.#needs.clock,
      look: (thing, its) => this.#look(thing, its, []),
      ended: (look) => this.#ended(look),
    });
    this.#readers.set(key, reader);
    const kept = this.#kept.get(key) ?? [];
    this.#kept.delete(key);
    for (const records of Object.values(Object.groupBy(kept, ({ thing }) => thingKey(thing)))) {
      if (records !== undefined) reader.takeUp(this.#look((records[0] as PrivateRecord).thing, reader, records));
    }
    return reader;
  };

  forget: Lookout["forget"] = (id, task) => {
    for (const [key, reader] of this.#readers) {
      if (reader.who.allocation.ID !== id || (task !== undefined && reader.who.task !== task)) continue;
      this.#readers.delete(key);
      reader.end((look) => this.#ended(look));
    }
    for (const [key, records] of this.#kept) {
      const [first] = records;
      if (first?.allocation !== id || (task !== undefined && first.task !== task)) continue;
      this.#kept.delete(key);
      for (const record of records) this.#giveBack(record);
    }
  };

  /** The task's token for the system was replaced: it proves with the new one, and what was made with the old one is made anew. */
  tokenReplaced(id: AllocationId, task: string, system: ThingSystem): void {
    const reader = this.#readers.get(readerKey(id, task));
    for (const look of reader?.looks ?? []) if (look.thing.system === system) look.tokenReplaced();
  }

  get counts(): LookoutCounts {
    const looks = [...this.#readers.values()].flatMap((reader) => reader.looks);
    const kept = [...this.#kept.values()].flat().filter(isLeased).length;
    return {
      things: this.#watches.size,
      readers: this.#readers.size,
      reads: this.#reads,
      leases: looks.reduce((sum, look) => sum + look.leases, kept),
      returning: this.#returns.count,
    };
  }

  /** What is under way gets a moment to end, so that nothing is made that nobody remembers. The store may be closed after. */
  async close(): Promise<void> {
    this.#closing = true;
    const { clock } = this.#needs;
    const watches = [...this.#ending, ...[...this.#watches.values()].map(({ watch }) => watch)];
    const settled = Promise.all([...watches.map((watch) => watch.proofsDone()), this.#returns.settled()]);
    const timed = Promise.withResolvers<void>();
    const timer = clock.after(CLOSE_WAIT_MS, timed.resolve);
    await Promise.race([settled, timed.promise]);
    timer.cancel();
    this.#closed = true;
    for (const reader of this.#readers.values()) reader.end((look) => look.detach());
    for (const watch of watches) {
      watch.close();
      watch.abandon();
    }
    this.#returns.close();
    this.#readers.clear();
    this.#watches.clear();
  }

  #look(thing: Thing, reader: Reader, kept: readonly PrivateRecord[]): Look {
    const { allocation, task } = reader.who;
    const meant = meantBy(thing, allocation, task);
    return new Look(
      {
        thing,
        meant,
        watch: this.#watch(watchKey(meant, allocation, task), meant),
        source: this.#sources.get(thing.system),
        whose: { allocation: allocation.ID, task },
        token: (signal) => this.#token(reader.who, thing.system, signal),
        tokenGone: () => {
          if (hasTokens(thing.system)) reader.who.tokenGone(thing.system);
        },
        shelf: this.#shelf,
        clock: this.#needs.clock,
        random: this.#needs.random,
        wanted: () => reader.wants(thing),
        letGo: () => reader.letGo(thing),
        changed: () => reader.changed(),
      },
      kept,
    );
  }

  /** The agent that stops asks nothing new. */
  #token({ allocation, task, token }: ThingReaderNeeds, system: ThingSystem, signal: AbortSignal): Promise<string> {
    if (this.#closing) return new Promise<never>(() => {});
    if (hasTokens(system)) return token(system, signal);
    return Promise.resolve(workloadToken({ allocation: allocation.ID, task, namespace: allocation.Namespace }));
  }

  #watch(key: string, meant: Thing): ThingWatch {
    let known = this.#watches.get(key);
    if (known === undefined) {
      const watch = new ThingWatch({
        key,
        thing: meant,
        source: this.#sources.get(meant.system),
        gate: this.#gate(meant.system),
        clock: this.#needs.clock,
        random: this.#needs.random,
        reading: (change) => (this.#reads += change),
        orphan: (reading, token) => this.#orphan(meant, reading, token),
      });
      this.#watches.set(key, (known = { watch, users: 0 }));
    }
    known.users++;
    return known.watch;
  }

  #gate(system: ThingSystem): Gate {
    let gate = this.#gates.get(system);
    if (gate === undefined) this.#gates.set(system, (gate = new Gate(AT_ONCE[system])));
    return gate;
  }

  #ended(look: Look): void {
    for (const record of look.end()) this.#giveBack(record);
    const known = this.#watches.get(look.watch.key);
    if (known === undefined || --known.users > 0) return;
    this.#watches.delete(look.watch.key);
    known.watch.close();
    this.#ending.add(known.watch);
    const timer = this.#needs.clock.after(ORPHAN_WAIT_MS, () => known.watch.abandon());
    void known.watch.proofsDone().finally(() => {
      timer.cancel();
      this.#ending.delete(known.watch);
    });
  }

  readonly #shelf: Shelf = {
    keep: (record) => {
      try {
        if (this.#closed) throw new Error("the agent stops");
        writeRecord(this.#needs.facts, record);
      } catch (thrown) {
        throw new NamedError("FACT_NOT_KEPT", `Cannot keep what "${record.thing.name}" was answered with: ${messageOf(thrown)}`, {
          cause: thrown,
        });
      }
    },
    drop: (record) => this.#revokeNow(record),
    putAside: (record) => {
      const { facts, clock } = this.#needs;
      const over = !isLeased(record) || isOut(record, clock.nowMs());
      const old: PrivateRecord = { ...record, value: undefined, state: "old" };
      try {
        if (over) eraseRecord(facts, record);
        else writeRecord(facts, old);
      } catch (thrown) {
        // What replaces it is kept already; the next agent takes the latest.
        this.#cannotWrite(thrown);
      }
      return over ? undefined : old;
    },
    renew: (record, lease, token, signal) => this.#renew(record, lease, token, signal),
  };

  async #renew(record: PrivateRecord, lease: Lease, token: string, signal: AbortSignal): Promise<Lease> {
    const source = this.#sources.get(record.thing.system);
    if (source === undefined)
      throw new NamedError("THING_INVALID", `Cannot renew a lease: ${record.thing.system} is not set up on this node`);
    return this.#gate(record.thing.system).pass(() => source.renew(lease, token), signal);
  }

  #cannotWrite(thrown: unknown): void {
    this.#needs.report({ level: "warn", message: "the node's memory cannot be written", fields: { problem: messageOf(thrown) } });
  }

  #giveBack(record: PrivateRecord): void {
    const { facts } = this.#needs;
    if (!isLeased(record)) {
      try {
        eraseRecord(facts, record);
      } catch (thrown) {
        this.#cannotWrite(thrown);
      }
      return;
    }
    const returning: PrivateRecord = { ...record, value: undefined, state: "returning" };
    try {
      if (record.state !== "returning") writeRecord(facts, returning);
    } catch (thrown) {
      // It is given back all the same; the next agent would find it as it was.
      this.#cannotWrite(thrown);
    }
    this.#returns.add(returning);
  }

  /** Made for a reader that has gone meanwhile. */
  #orphan(thing: Thing, reading: Reading, token: string): void {
    const { clock, random } = this.#needs;
    const record = recordOf(reading, { id: random.uuid(), allocation: "" as AllocationId, task: "", thing, token }, clock.nowMs());
    if (!isLeased(record)) return;
    if (this.#closed) this.#revokeNow(record);
    else this.#giveBack(record);
  }

  /** What could not be found again is not kept. */
  #revokeNow(record: PrivateRecord): void {
    if (!isLeased(record)) return;
    void this.#sources
      .get(record.thing.system)
      ?.revoke(record.lease?.id ?? "", record.token)
      .catch(() => undefined);
  }
}

/** Elsewhere the task itself is who asks. */
function hasTokens(system: ThingSystem): boolean {
  return system === "consul" || system === "vault";
}
