/**
 * Does the private Consul answer? One that has been started reads what it keeps first, and nobody listens on its socket until it has: that may
 * take minutes and is no reason to end it. One that listens answers, leader or not, or it hangs.
 *
 *   started ──reads──▶ listens ──▶ answers
 *      └──START_MS──▶ ✗    └──ANSWER_MS──▶ ✗
 */
import { connect } from "node:net";
import type { Clock } from "#ports";
import { consulConnection } from "../connection.ts";
import { ageMs, isRunning, type ConsulProcess } from "./agent-process.ts";

export interface StartLimits {
  /** From the start of its process until it listens. */
  readonly startMs: number;
  /** From when it listens until it answers. */
  readonly answerMs: number;
}

export const START_LIMITS: StartLimits = { startMs: 300_000, answerMs: 20_000 };
const QUESTION_MS = 1_000;
const PAUSE_MS = 50;

/** To one question, within that time, with whatever status. */
export async function answersNow(socket: string, withinMs: number): Promise<boolean> {
  // A connection of its own: those others use may be full of what was asked before.
  const probe = consulConnection({
    address: `unix://${socket}`,
    token: "",
    auth: "",
    tls: { caFile: "", certFile: "", keyFile: "", verify: true },
    timeoutMs: withinMs,
  });
  try {
    await probe.direct("GET", "/status/leader");
    return true;
  } catch (thrown) {
    return (thrown as { readonly status?: number }).status !== 0;
  } finally {
    probe.close();
  }
}

/** False: it ended, or said nothing in time. `slow` is called once, when it takes longer than an answer may. */
export async function comesToAnswer(
  which: ConsulProcess,
  socket: string,
  clock: Clock,
  slow: () => void,
  { startMs, answerMs }: StartLimits = START_LIMITS,
): Promise<boolean> {
  const sinceMs = clock.nowMs();
  const startUntilMs = sinceMs + Math.max(answerMs, startMs - ageMs(which));
  let listensSinceMs: number | undefined;
  let isTold = false;
  while (isRunning(which)) {
    if (await listens(socket)) {
      listensSinceMs ??= clock.nowMs();
      if (await answersNow(socket, QUESTION_MS)) return isRunning(which);
    } else listensSinceMs = undefined;
    const nowMs = clock.nowMs();
    if (nowMs >= (listensSinceMs === undefined ? startUntilMs : listensSinceMs + answerMs)) return false;
    if (!isTold && listensSinceMs === undefined && nowMs - sinceMs >= answerMs) {
      isTold = true;
      slow();
    }
    await clock.sleep(PAUSE_MS);
  }
  return false;
}

/** One that hangs listens all the same: the kernel takes connections for it. The file alone says nothing, it stays when its maker dies. */
function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const caller = connect(socket);
    caller.once("connect", () => (resolve(true), caller.destroy()));
    caller.once("error", () => resolve(false));
  });
}
