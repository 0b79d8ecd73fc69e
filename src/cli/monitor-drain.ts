/**
 * Follows a drain until nothing runs on the node any more. nomad.md §4.4 (node drain).
 *
 * Two things are watched, each by its own blocking query: the node (is it still draining?) and its allocations (what they do). The
 * servers end a drain when the node has said of every allocation that it is over, so the last line is the truth about processes.
 */
import type { NodeDetail } from "#api/contract";
import { clientTerminal, type Allocation } from "#model";
import type { Context } from "./command.ts";
import { drainText } from "./render/node.ts";
import { localRfc3339 } from "./render/time.ts";

const POLL_WAIT_MS = 10_000;

/** Exit code: 0 when it is over, 1 when somebody called it off or the node is gone. */
export async function monitorDrain(
  context: Context,
  nodeId: string,
  before: NodeDetail,
  options: { readonly strategySet: boolean },
): Promise<number> {
  const { api, terminal } = context;
  const say = (text: string) => terminal.print(`${localRfc3339(new Date(context.nowMs()))}: ${text}`);
  say("Ctrl-C to stop monitoring: will not cancel the node drain");
  if (options.strategySet) say(`Node ${JSON.stringify(nodeId)} drain strategy set`);
  const seen = new Map<string, Allocation>();
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, context.interrupted]);
  const ignoring = before.DrainStrategy?.IgnoreSystemJobs ?? context.flags.flag("ignore-system");

  const look = (allocations: readonly Allocation[]) => {
    for (const allocation of allocations) {
      const text = transitionText(seen.get(allocation.ID), allocation);
      if (text !== undefined) say(`Alloc ${JSON.stringify(allocation.ID)} ${text}`);
      seen.set(allocation.ID, allocation);
    }
  };
  const watching = watchAllocations(context, nodeId, signal, look);
  try {
    const node = await drainEnd(context, nodeId, signal, (node) =>
      say(`Node ${JSON.stringify(nodeId)} drain strategy updated: ${drainText(node)}`),
    );
    const { value: allocations } = await api.nodes.allocations(nodeId);
    look(allocations);
    if (node.LastDrain?.Status === "canceled") {
      say(`Drain of node ${nodeId} was canceled`);
      return 1;
    }
    say(`Drain complete for node ${nodeId}`);
    const left = allocations.filter((each) => !clientTerminal(each));
    if (left.length === 0) say(`All allocations on node ${JSON.stringify(nodeId)} have stopped`);
    else if (ignoring) say(`All allocations on node ${JSON.stringify(nodeId)} have stopped but ${left.length} of system jobs`);
    return 0;
  } finally {
    ended.abort();
    await watching;
  }
}

/** Resolves when the node drains no more. */
async function drainEnd(context: Context, nodeId: string, signal: AbortSignal, onUpdate: (node: NodeDetail) => void): Promise<NodeDetail> {
  let index = 0;
  let before: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const answer = await context.api.nodes.read(nodeId, index === 0 ? { signal } : { index, waitMs: POLL_WAIT_MS, signal });
    index = answer.index;
    const strategy = answer.value.DrainStrategy;
    if (strategy === null) return answer.value;
    const now = JSON.stringify(strategy);
    if (before !== undefined && before !== now) onUpdate(answer.value);
    before = now;
  }
}

/** Ends when the signal aborts. A failure ends it too: the node's own query says what is wrong. */
async function watchAllocations(
  context: Context,
  nodeId: string,
  signal: AbortSignal,
  look: (allocations: readonly Allocation[]) => void,
): Promise<void> {
  let index = 0;
  try {
    while (!signal.aborted) {
      const answer = await context.api.nodes.allocations(nodeId, index === 0 ? { signal } : { index, waitMs: POLL_WAIT_MS, signal });
      index = answer.index;
      if (!signal.aborted) look(answer.value);
    }
  } catch {
    // Stopped, or the agent does not answer.
  }
}

/**
 * What to say of an allocation that changed: "marked for migration", "draining", "status running -> complete"; several with commas.
 * What is over when first seen is no news. Pure.
 */
export function transitionText(before: Allocation | undefined, now: Allocation): string | undefined {
  const parts: string[] = [];
  const living = !clientTerminal(now);
  if (now.DesiredTransition.Migrate === true && before?.DesiredTransition.Migrate !== true && living && now.DesiredStatus === "run")
    parts.push("marked for migration");
  const stopping = (of: Allocation) => of.DesiredStatus !== "run" && (of.DesiredTransition.Migrate === true || !clientTerminal(of));
  if (living && stopping(now) && (before === undefined || !stopping(before))) parts.push("draining");
  if (before !== undefined && before.ClientStatus !== now.ClientStatus) parts.push(`status ${before.ClientStatus} -> ${now.ClientStatus}`);
  return parts.length === 0 ? undefined : parts.join(", ");
}
