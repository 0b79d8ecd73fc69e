/**
 * A reader's way to be up to date: the shared log's head, as it is now, applied here. Whoever led when the reader asked, everything that had been
 * acknowledged by then is in it.
 */
import type { Clock, SharedLog } from "#ports";
import type { State } from "#state";
import { messageOf, NamedError } from "#std";
import { pause, within } from "../deadline.ts";
import { noLeader } from "../problems.ts";
import type { Waiting } from "./requests.ts";

export interface BarrierOptions {
  /** Up to which index of the log it may be read. */
  readonly state: Pick<State, "logIndex">;
  readonly waiting: Waiting;
  readonly clock: Clock;
  /** Undefined: it does not answer yet. */
  readonly shared: () => SharedLog | undefined;
  /** The cluster this server belongs to; "": none yet. */
  readonly clusterId: () => string;
  /** Why this server takes no part. */
  readonly problem: () => NamedError | undefined;
  /** Ends it all. */
  readonly signal: AbortSignal;
}

/** Between two looks of a reader that waits for the shared log. */
const BARRIER_RETRY_MS = 100;

/** Rejects with CLUSTER_NO_LEADER, with CLUSTER_CLOSED. */
export async function barrier({ state, waiting, clock, signal, ...now }: BarrierOptions, limitMs: number): Promise<void> {
  const problem = now.problem();
  if (problem !== undefined) throw noLeader(problem.message, problem);
  const shared = now.shared();
  if (shared === undefined) throw noLeader("the shared log does not answer yet");
  const untilMs = clock.nowMs() + limitMs;
  const over = new AbortController();
  let reason: unknown;
  // Looked at again: a state that is found wrong meanwhile goes back, however far it is told to have come.
  const applied = async (index: number): Promise<void> => {
    while (state.logIndex < index && !over.signal.aborted) await waiting.index(index, state.logIndex, over.signal);
  };
  const reached = async (): Promise<void> => {
    while (clock.nowMs() < untilMs && !signal.aborted) {
      try {
        const head = await shared.head();
        // A server that has just come has not said yet that it belongs here.
        if (head !== null && head.ClusterId === now.clusterId()) return await applied(head.LastIndex);
        if (now.clusterId() !== "") throw noLeader("the shared log is not this cluster's");
      } catch (thrown) {
        if (thrown instanceof NamedError && thrown.code !== "SHARED_LOG_UNREACHABLE") throw thrown;
        // Consul may be choosing a leader of its own: that passes.
        reason = thrown;
      }
      await pause(clock, BARRIER_RETRY_MS, signal);
    }
    throw late();
  };
  const late = (): NamedError =>
    noLeader(reason === undefined ? `this server did not catch up within ${limitMs / 1000} s` : messageOf(reason), now.problem());
  try {
    await within(clock, limitMs, reached(), late);
  } catch (thrown) {
    if (thrown instanceof NamedError && (thrown.code === "CLUSTER_NO_LEADER" || thrown.code === "CLUSTER_CLOSED")) throw thrown;
    throw noLeader(messageOf(thrown), thrown);
  } finally {
    over.abort();
  }
}
