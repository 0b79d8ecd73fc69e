/**
 * A write that came in at any server. It is asked of whoever leads, again and again under its request id, until the log brings its outcome by
 * here or time is up. Before it is asked a second time this server has read up to the head: should the first attempt have been written, its
 * outcome has been seen by then, and if it comes later it comes just before, within what the state remembers. So it is never applied twice.
 *
 *   ask ─► applied here ─► answered
 *    ▲ └─► lost, refused by who leads no more, nobody leads ─► barrier, a little patience ─┐
 *    └────────────────────────────────────────────────────────────────────────────────────┘ time is up: CLUSTER_NO_LEADER
 */
import type { Clock } from "#ports";
import type { Command, Outcome } from "#state";
import { messageOf, NamedError } from "#std";
import { within } from "../deadline.ts";
import { noLeader } from "../problems.ts";

export interface Ask {
  /** Once, of whoever leads now. Rejects when it cannot tell, or nobody leads. */
  readonly ask: (command: Command, requestId: string, leftMs: number) => Promise<Outcome>;
  readonly barrier: (leftMs: number) => Promise<void>;
  /** Resolves when it may be worth asking again: another leads, or a little time is over. */
  readonly patience: (delayMs: number) => Promise<void>;
  /** Ends it all. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Nothing was written, and asking again changes nothing. */
const FINAL = new Set(["COMMAND_TOO_LARGE", "STATE_COMMAND_UNKNOWN_VERSION", "STATE_ENTRY_UNREADABLE", "CLUSTER_FEATURE_LEVEL"]);
/** Nothing was written by this attempt. */
const UNWRITTEN = new Set(["LOG_WRITE_FAILED", "PEER_NOT_LEADING", "SHARED_LOG_NOT_LEADING", "CLUSTER_NO_LEADER", "CLUSTER_NOT_LEADING"]);
const RETRY_MS = 100;

export async function askUntilAnswered(ask: Ask, command: Command, requestId: string, limitMs: number): Promise<Outcome> {
  const { clock, signal } = ask;
  const untilMs = clock.nowMs() + limitMs;
  let mayBeWritten = false;
  for (;;) {
    let problem: unknown;
    try {
      if (mayBeWritten) await ask.barrier(untilMs - clock.nowMs());
      return await within(clock, untilMs - clock.nowMs(), ask.ask(command, requestId, untilMs - clock.nowMs()), late);
    } catch (thrown) {
      problem = thrown;
    }
    const code = problem instanceof NamedError ? problem.code : "";
    // Of this server; a leader that closes may have written it, and the next one knows.
    if (signal.aborted && code === "CLUSTER_CLOSED") throw problem;
    if (FINAL.has(code)) throw problem;
    if (code === "LOG_WRITE_FAILED" && !mayBeWritten) throw problem;
    if (!UNWRITTEN.has(code)) mayBeWritten = true;
    if (signal.aborted || clock.nowMs() + RETRY_MS >= untilMs)
      throw noLeader(
        `nobody took the write within ${limitMs / 1000} s${mayBeWritten ? ", or nobody could say so; it may still happen" : ""} (${messageOf(problem)})`,
        problem,
      );
    await ask.patience(RETRY_MS);
  }
}

/** What a leader of an older program refuses because it cannot even read it, in words for who asked; anything else as it is. */
export function unknownToLeader(thrown: unknown, { type }: Command): unknown {
  if (!(thrown instanceof NamedError) || thrown.code !== "STATE_COMMAND_UNKNOWN_VERSION") return thrown;
  return new NamedError(
    "CLUSTER_FEATURE_LEVEL",
    `Cannot write "${type}": the server that leads is of an older version, which does not know it`,
    {
      statusCode: 409,
      fix: "Upgrade every server, then try again.",
      cause: thrown,
    },
  );
}

function late(): NamedError {
  return new NamedError("CLUSTER_LATE", "it took too long", { statusCode: 503 });
}
