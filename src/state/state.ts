/**
 * The state at work: the current tables, the columns beside them, and those who watch. Everything between two applies sees one index.
 */
import assert from "node:assert/strict";
import type { Node } from "#model";
import { applyEntry } from "./apply.ts";
import { unknownVersion } from "./codec.ts";
import { ColumnStore } from "./columns.ts";
import { readsVersion } from "./commands/table.ts";
import type { Change, Envelope, EventStream, Outcome, Snapshot, State, StateOptions, Watch } from "./contract.ts";
import { digestOf } from "./digest.ts";
import type { Draft } from "./draft.ts";
import { EventBuffer, type Gone } from "./events.ts";
import { Interned } from "./interned.ts";
import { restoreTables, saveTables } from "./saved.ts";
import { TablesSnapshot } from "./snapshot.ts";
import { Tables } from "./tables/tables.ts";
import { Watchers } from "./watch.ts";

/** An empty state. */
export function createState(options: StateOptions): State {
  return new TablesState(new Tables(), options);
}

/** The state that `save` wrote. NamedError STATE_SNAPSHOT_UNREADABLE when the chunks are not whole and known. */
export async function restoreState(chunks: AsyncIterable<Uint8Array>, options: StateOptions): Promise<State> {
  return new TablesState(await restoreTables(chunks, options.freeze === true), options);
}

class TablesState implements State {
  readonly #tables: Tables;
  /** The fork that snapshots of this index share; made when the first is asked for. */
  #pinned: Tables | undefined;
  readonly #columns = new ColumnStore();
  readonly #interned = new Interned();
  readonly #freeze: boolean;
  readonly #watchers: Watchers;
  readonly #events = new EventBuffer();
  readonly #liveColumns = (tables: Tables) => (tables === this.#pinned ? this.#columns : undefined);

  constructor(tables: Tables, options: StateOptions) {
    this.#tables = tables;
    this.#freeze = options.freeze === true;
    this.#watchers = new Watchers(options.clock, () => this.#tables.tableIndexes);
    this.#columns.rebuild(tables);
  }

  get index(): number {
    return Math.max(1, this.#tables.index);
  }
  get time(): number {
    return this.#tables.time;
  }
  get watch(): Watch {
    return this.#watchers;
  }
  get events(): EventStream {
    return this.#events;
  }

  snapshot(): Snapshot {
    return new TablesSnapshot(this.#pin(), this.#liveColumns);
  }

  apply(index: number, envelope: Envelope): Outcome {
    assert.ok(index > this.#tables.index, `entry ${index} comes after ${this.#tables.index}`);
    const { type } = envelope.command;
    if (!readsVersion(type, envelope.version)) throw unknownVersion(`command "${type}" version`, envelope.version);
    this.#pinned = undefined;
    const { outcome, draft } = applyEntry(this.#tables, index, envelope, { interned: this.#interned, freeze: this.#freeze });
    if (draft !== undefined) this.#updateColumns(draft);
    const change = changeOf(index, envelope, outcome, draft);
    this.#events.append(change, { nodePools: draft?.nodePools ?? [], gone: goneRecords(draft), acl: draft?.aclEvents ?? [] });
    this.#watchers.announce(change);
    return outcome;
  }

  save(): AsyncIterable<Uint8Array> {
    return saveTables(this.#pin());
  }

  digest(): string {
    return digestOf(this.#tables);
  }

  #pin(): Tables {
    this.#pinned ??= this.#tables.fork();
    return this.#pinned;
  }

  #updateColumns(draft: Draft): void {
    try {
      this.#columns.update(
        { nodes: draft.nodes.values(), goneNodes: draft.goneNodes, allocations: draft.allocations.values() },
        this.#tables,
      );
    } catch {
      // Half updated columns would make two servers plan apart; counting again cannot fail where the tables are sound.
      this.#columns.rebuild(this.#tables);
    }
  }
}

function changeOf(index: number, { command }: Envelope, outcome: Outcome, draft: Draft | undefined): Change {
  if (draft === undefined) {
    return {
      index,
      command,
      outcome,
      jobs: [],
      nodes: [],
      allocations: [],
      evaluations: [],
      deployments: [],
      services: [],
      variables: [],
      goneVariables: [],
      goneServices: [],
      goneAllocations: [],
      goneNodes: [],
      goneEvaluations: [],
      goneJobs: [],
    };
  }
  const allocations = [...draft.allocations.values()];
  return {
    index,
    command,
    outcome,
    jobs: [...draft.jobs.values()].map(({ job }) => job),
    nodes: [...draft.nodes.values()],
    allocations: allocations.flatMap(({ after }) => (after === undefined ? [] : [after])),
    evaluations: [...draft.evaluations.values()],
    deployments: [...draft.deployments.values()],
    services: [...draft.services.values()],
    variables: [...draft.variables.values()],
    goneVariables: [...draft.goneVariables.values()],
    goneServices: [...draft.goneServices.values()],
    goneAllocations: allocations.flatMap(({ before, after }) => (after === undefined && before !== undefined ? [before] : [])),
    goneNodes: draft.goneNodes.map((node) => node.ID),
    goneEvaluations: draft.goneEvaluations,
    goneJobs: draft.goneJobs.map(({ job }) => ({ Namespace: job.Namespace, ID: job.ID })),
  };
}

function goneRecords(draft: Draft | undefined): readonly Gone[] {
  if (draft === undefined) return [];
  return [
    ...draft.goneJobs.map(({ job }) => ({ topic: "Job" as const, record: job })),
    ...draft.goneNodes.map((node: Node) => ({ topic: "Node" as const, record: node })),
    ...draft.goneNodePools.map((pool) => ({ topic: "NodePool" as const, record: pool })),
  ];
}
