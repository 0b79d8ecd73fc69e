/** Waits for a process that is not our child. */
import { setTimeout as sleep } from "node:timers/promises";
import { isRunning, type ProcessIdentity } from "./identity.ts";

/** False when it still runs after the time. */
export async function endsWithin(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const until = Date.now() + timeoutMs;
  for (let pauseMs = 1; isRunning(identity); pauseMs = Math.min(pauseMs * 2, 50)) {
    if (Date.now() >= until) return false;
    await sleep(Math.min(pauseMs, until - Date.now() + 1));
  }
  return true;
}
