/**
 * The state at work: the current tables, the columns beside them, and those who watch. Everything between two applies sees one index.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Node } from "#model";
import { applyEntry } from "./apply.ts";
import { unknownVersion } from "./codec.ts";
import { ColumnStore } from "./columns.ts";
import { readsVersion } from "./commands/table.ts";
import type {
  Change,
  Envelope,
  EventStream,
  LeadershipRecord,
  Outcome,
  Snapshot,
  State,
  StateOptions,
  TableName,
  Watch,
} from "./contract.ts";
import { digestOf, digestSteps } from "./digest.ts";
import type { Draft } from "./draft.ts";
import { EventBuffer, type Gone } from "./events.ts";
import { Interned } from "./interned.ts";
import { Restoration } from "./restoration.ts";
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
  const state = new TablesState(new Tables(), options);
  await state.load(chunks);
  return state;
}

class TablesState implements State {
  #tables: Tables;
  /** The fork that snapshots of this index share; made when the first is asked for. */
  #pinned: Tables | undefined;
  readonly #columns = new ColumnStore();
  readonly #interned = new Interned();
  readonly #freeze: boolean;
  readonly #watchers: Watchers;
  readonly #events = new EventBuffer();
  #restoration: Restoration;
  readonly #liveColumns = (tables: Tables) => (tables === this.#pinned ? this.#columns : undefined);

  constructor(tables: Tables, options: StateOptions) {
    this.#tables = tables;
    this.#freeze = options.freeze === true;
    this.#watchers = new Watchers(options.clock, () => this.#tables.tableIndexes);
    this.#restoration = new Restoration(this.#freeze);
    this.#columns.rebuild(tables);
  }

  get index(): number {
    return Math.max(1, this.#tables.index);
  }
  get logIndex(): number {
    return this.#tables.index - this.#tables.leap;
  }
  get leadership(): LeadershipRecord | undefined {
    return this.#tables.leadership;
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

  outcomeOf(requestId: string): Outcome | undefined {
    return this.#tables.outcomes.get(requestId);
  }

  apply(logIndex: number, envelope: Envelope): Outcome {
    assert.ok(logIndex > this.logIndex, `entry ${logIndex} comes after ${this.logIndex}`);
    const { type } = envelope.command;
    if (!readsVersion(type, envelope.version)) throw unknownVersion(`command "${type}" version`, envelope.version);
    this.#pinned = undefined;
    if (envelope.command.type === "restore-commit") this.#leapAbove(this.#restoration.indexOf(envelope.command.RestoreID), logIndex);
    const index = logIndex + this.#tables.leap;
    const kept = { interned: this.#interned, freeze: this.#freeze, restoration: this.#restoration };
    const { outcome, draft } = applyEntry(this.#tables, index, envelope, kept);
    if (draft?.restored !== undefined) {
      this.#replace(takenOver(draft.restored, this.#tables), { command: envelope.command, outcome });
      return outcome;
    }
    if (draft !== undefined) this.#updateColumns(draft);
    const change = changeOf(index, envelope, outcome, draft);
    this.#events.append(change, { nodePools: draft?.nodePools ?? [], gone: goneRecords(draft), acl: draft?.aclEvents ?? [] });
    this.#watchers.announce(change);
    return outcome;
  }

  async load(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const tables = await restoreTables(chunks, this.#freeze);
    // What a restoration under way has read so far is read again.
    const restoration = new Restoration(this.#freeze);
    for (const [part, held] of tables.restoreParts.range()) {
      try {
        restoration.feed({ ...held, Part: Number(part) });
      } catch {
        break; // It was refused when it came; so will its commit be.
      }
      await setImmediate();
    }
    this.#restoration = restoration;
    const index = Math.max(1, tables.index);
    this.#replace(tables, { command: { type: "restore-commit", RestoreID: "", Parts: 0 }, outcome: { ok: true, index } });
  }

  save(): AsyncIterable<Uint8Array> {
    return saveTables(this.#pin());
  }

  digest(): string {
    return digestOf(this.#tables);
  }

  digesting(): Iterator<undefined, string> {
    return digestSteps(this.#pin());
  }

  get recordCount(): number {
    const { jobs, nodes, evaluations, allocations, services, variables } = this.#tables;
    return jobs.size + nodes.size + evaluations.size + allocations.size + services.size + variables.size;
  }

  #pin(): Tables {
    this.#pinned ??= this.#tables.fork();
    return this.#pinned;
  }

  /** Indexes never go back, neither those that were told here nor those that come with what is restored. */
  #leapAbove(index: number, logIndex: number): void {
    this.#tables.leap = Math.max(this.#tables.leap, index + 1 - logIndex);
  }

  #replace(tables: Tables, by: Pick<Change, "command" | "outcome">): void {
    this.#tables = tables;
    this.#pinned = undefined;
    this.#columns.rebuild(tables);
    this.#events.restart();
    this.#watchers.announce({ ...NOTHING, ...by, index: this.index, replaced: true });
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

/** What was restored, at the place in the log where it was: who leads and what was answered stays. */
function takenOver(restored: Tables, before: Tables): Tables {
  const tables = restored.with({ outcomes: before.outcomes, requestIds: before.requestIds });
  tables.index = before.index;
  tables.leap = before.leap;
  tables.time = Math.max(before.time, restored.time);
  tables.leadership = before.leadership;
  for (const name of Object.keys(tables.tableIndexes) as TableName[]) tables.tableIndexes[name] = before.index;
  return tables;
}

const NOTHING: Omit<Change, "index" | "command" | "outcome"> = {
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

function changeOf(index: number, { command }: Envelope, outcome: Outcome, draft: Draft | undefined): Change {
  if (draft === undefined) return { index, command, outcome, ...NOTHING };
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
