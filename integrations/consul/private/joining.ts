/**
 * How a server comes to the others (consul-log.md, 21, 28): start_join once, retry_join until somebody was joined, and again whenever it finds
 * itself alone (all others may have moved to addresses that retry_join names).
 *
 * The servers it knows from before are joined too, in so many words: gossip finds them by itself, but does not take back what the others were
 * told meanwhile. To those who forced it to leave it would be "leaving" for ever.
 *
 *   trying ──somebody joined──▶ joined ──alone──▶ trying
 *     └──retry_max full intervals passed──▶ given up
 */
import type { Clock, JoinOutcome, Membership, Timer } from "#ports";
import { NamedError, messageOf } from "#std";
import { hostPort } from "../membership-reading.ts";
import { expandEntry, requireJoinable, type Execute } from "./join-addresses.ts";
import type { Tell } from "./options.ts";

export type JoinState =
  | { readonly at: "trying"; readonly tries: number; readonly fullIntervals: number }
  | { readonly at: "joined" }
  | { readonly at: "given-up" };

export interface JoinPace {
  /** 0: for ever. */
  readonly retryMax: number;
  readonly retryIntervalMs: number;
}

export interface JoinStep {
  readonly state: JoinState;
  /** Until it tries, or looks, again; undefined: never. */
  readonly pauseMs: number | undefined;
}

export const NOT_TRIED: JoinState = { at: "trying", tries: 0, fullIntervals: 0 };
/** Servers that are started together are there within seconds: the first tries follow each other quickly, and retry_max does not count them. */
const FIRST_PAUSE_MS = 500;

/** After one attempt. */
export function afterAttempt(state: JoinState, joined: boolean, { retryMax, retryIntervalMs }: JoinPace): JoinStep {
  if (joined) return { state: { at: "joined" }, pauseMs: retryIntervalMs };
  const { tries, fullIntervals } = state.at === "trying" ? state : { tries: 0, fullIntervals: 0 };
  const pauseMs = Math.min(retryIntervalMs, FIRST_PAUSE_MS * 2 ** Math.min(tries, 20));
  const isFull = pauseMs === retryIntervalMs;
  if (retryMax > 0 && fullIntervals >= retryMax) return { state: { at: "given-up" }, pauseMs: undefined };
  return { state: { at: "trying", tries: tries + 1, fullIntervals: fullIntervals + (isFull ? 1 : 0) }, pauseMs };
}

/** After a look at the members. */
export function afterLook(alone: boolean, { retryIntervalMs }: JoinPace): JoinStep {
  return alone ? { state: NOT_TRIED, pauseMs: 0 } : { state: { at: "joined" }, pauseMs: retryIntervalMs };
}

export interface JoiningOptions extends JoinPace {
  readonly startJoin: readonly string[];
  readonly retryJoin: readonly string[];
  readonly membership: Pick<Membership, "join" | "members">;
  /** Of this server; it does not count as somebody. */
  readonly serverId: string;
  /** retry_max was reached: an agent ends then. */
  gaveUp(error: NamedError): void;
  readonly execute?: Execute;
  readonly clock: Clock;
  readonly report: Tell;
}

export interface Joining {
  close(): void;
}

/** Rejects with NamedErrors JOIN_FAILED (start_join), JOIN_PROVIDER_UNSUPPORTED, JOIN_ADDRESS_INVALID. retry_join goes on behind. */
export async function startJoining(options: JoiningOptions): Promise<Joining> {
  const { startJoin, retryJoin, membership, clock, report } = options;
  requireJoinable([...startJoin, ...retryJoin]);
  if (startJoin.length > 0) {
    const { Joined, Problems } = await attempt(options, startJoin);
    if (Joined === 0 && Problems.length > 0)
      throw new NamedError("JOIN_FAILED", `Cannot join the servers of start_join: ${Problems.join("; ")}`, {
        fix: "Use retry_join: it waits for them.",
      });
  }
  let over = false;
  let timer: Timer | undefined;
  let state = NOT_TRIED;
  let toldProblems = "";
  const turn = async (): Promise<void> => {
    const { state: next, pauseMs } =
      state.at === "joined" ? afterLook(await isAlone(membership, options.serverId), options) : await tryAll();
    state = next;
    if (over || pauseMs === undefined) return;
    timer = clock.after(pauseMs, () => void turn());
  };
  const tryAll = async (): Promise<JoinStep> => {
    const { Joined, Problems } = await attempt(options, [...retryJoin, ...(await knownOthers(membership, options.serverId))]);
    // A server that waits for "server join" has nothing to give up.
    const step = afterAttempt(state, Joined > 0, retryJoin.length === 0 ? { ...options, retryMax: 0 } : options);
    if (over) return step;
    if (Joined > 0) report("info", "joined other servers", { count: Joined });
    const problems = Problems.join("; ");
    // The same again and again is told once.
    if (Joined === 0 && problems !== "" && problems !== toldProblems)
      report("warn", `no server ${retryJoin.length === 0 ? "known from before" : "of retry_join"} was joined: ${problems}`, {
        again_in_ms: step.pauseMs,
      });
    toldProblems = Joined > 0 ? "" : problems;
    if (step.state.at === "given-up")
      options.gaveUp(
        new NamedError("JOIN_FAILED", `Cannot join the servers of retry_join: ${problems}; retry_max = ${options.retryMax} is reached`, {
          fix: "Check the addresses, or leave retry_max out.",
        }),
      );
    return step;
  };
  void turn();
  return {
    close() {
      over = true;
      timer?.cancel();
    },
  };
}

async function attempt({ membership, execute }: JoiningOptions, entries: readonly string[]): Promise<JoinOutcome> {
  const problems: string[] = [];
  const expanded = await Promise.all(
    entries.map((entry) =>
      expandEntry(entry, execute).catch((thrown: unknown) => {
        problems.push(messageOf(thrown));
        return [];
      }),
    ),
  );
  try {
    const { Joined, Problems } = await membership.join([...new Set(expanded.flat())]);
    return { Joined, Problems: [...problems, ...Problems] };
  } catch (thrown) {
    return { Joined: 0, Problems: [...problems, messageOf(thrown)] };
  }
}

/** Addresses of gossip. Those that left may not want to be found. */
async function knownOthers(membership: Pick<Membership, "members">, serverId: string): Promise<readonly string[]> {
  const members = await membership.members().catch(() => []);
  return members
    .filter(({ ServerId, Status }) => ServerId !== serverId && (Status === "alive" || Status === "failed"))
    .map(({ Address, Port }) => hostPort(Address, Port));
}

/** Not to know is not to be alone. */
async function isAlone(membership: Pick<Membership, "members">, serverId: string): Promise<boolean> {
  try {
    return (await membership.members()).every(({ ServerId, Status }) => ServerId === serverId || Status !== "alive");
  } catch {
    return false;
  }
}
