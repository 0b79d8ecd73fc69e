/**
 * The book: what is true. Committed commands come in, in log order; snapshots, change notices, events, columns go out.
 *
 * Comes in: `apply(index, envelope)`, the decoded entries of the log. Goes out: `snapshot()`, a frozen view in constant time;
 * `watch` for blocking queries and rooms that react; `events` for the event stream; `save` and `restoreState`.
 *
 * Invariants: apply is deterministic and total: no clock, no chance, no locale; a command is carried out whole or refused whole, and
 * a throw is a recorded refusal. Stored values are never changed, only replaced. What can be derived (tallies, summaries, statuses,
 * deployments' counters, indexes, columns) is kept in step by one writer, draft.ts.
 *
 * Never here: deciding what should happen (server, scheduler, plan), making it durable (cluster), any input or output.
 *
 * Read next: contract.ts, apply.ts, draft.ts, commands/table.ts and any command; tables/tables.ts; then ../scheduler/mod.ts.
 */
export type {
  Change,
  Columns,
  Command,
  CommandType,
  DesiredUpdates,
  Envelope,
  LeadershipRecord,
  EventStream,
  Outcome,
  PeriodicLaunch,
  Snapshot,
  State,
  StateOptions,
  TableName,
  VariableWrite,
  Watch,
} from "./contract.ts";
export { deviceKey } from "./contract.ts";
export { createState, restoreState } from "./state.ts";
export { createCodec, type Codec } from "./codec.ts";
export { commandLevel, commandVersion, FEATURE_LEVEL } from "./commands/table.ts";
export { deepFreeze } from "./freeze.ts";
