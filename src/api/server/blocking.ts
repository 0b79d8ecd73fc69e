/**
 * Reads of the state, blocking when `?index` says so (nomad.md §3.1): the answer comes when what was asked for is newer than
 * `index`, or when `wait` is over, with what there is then.
 *
 * No change is lost between reading and waiting (F2): the wait starts from the index the snapshot was at, and a table that has
 * moved on since ends it at once. An index is never 0 (F3).
 */
import type { TableName } from "#state";
import type { Call, Context, Handler, Read, Result } from "./call.ts";
import { compileFilter } from "#std";
import { RefusedAt, serverOnly } from "./refusal.ts";

const WAIT_MS_MAX = 300_000;

/** A handler that reads `tables`. */
export function reading(tables: readonly TableName[], read: Read): Handler {
  return (call, context) => readState(call, context, tables, read);
}

async function readState(call: Call, context: Context, tables: readonly TableName[], read: Read): Promise<Result> {
  const cluster = context.cluster;
  if (cluster === null) throw serverOnly();
  const newerThan = call.query.whole("index", 0);
  const waitMs = Math.min(call.query.durationMs("wait", WAIT_MS_MAX) || WAIT_MS_MAX, WAIT_MS_MAX);
  // Everything that was acknowledged before the question is in it; what comes while it waits comes through this server's own state.
  let snapshot = call.stale ? cluster.state.snapshot() : await cluster.read();
  let found = read(snapshot, call, context);
  if (newerThan > 0) {
    checkWords(call);
    const deadlineMs = context.clock.nowMs() + waitMs + context.random.fraction() * (waitMs / 16);
    while (found.index <= newerThan) {
      const leftMs = deadlineMs - context.clock.nowMs();
      if (leftMs <= 0 || call.signal.aborted) break;
      if (!(await cluster.state.watch.changed(tables, snapshot.tableIndex(...tables), leftMs, call.signal))) break;
      snapshot = cluster.state.snapshot();
      found = read(snapshot, call, context);
    }
    await call.renew();
  }
  try {
    return await found.answer();
  } catch (error) {
    throw new RefusedAt(error, found.index);
  }
}

/** What a list will refuse is refused before the wait, not after it. */
function checkWords({ query }: Call): void {
  query.whole("per_page", 0);
  const filter = query.text("filter");
  if (filter !== "") compileFilter(filter);
}
