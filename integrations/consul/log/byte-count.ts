/** What a cluster writes into a Consul that is not its own: every byte lies in its Raft log, and is copied to all its servers. */
import type { Clock } from "#ports";

const DAY_MS = 24 * 60 * 60 * 1_000;
const MIB = 1_024 * 1_024;

/** Returns who is told of each write. Reports at most once a day. */
export function byteCount(clock: Clock, dailyBytesMax: number, report: (message: string) => void): (bytes: number) => void {
  let sinceMs = clock.nowMs();
  let total = 0;
  let isTold = false;
  return (bytes) => {
    if (clock.nowMs() - sinceMs >= DAY_MS) {
      sinceMs = clock.nowMs();
      total = 0;
      isTold = false;
    }
    total += bytes;
    if (isTold || total <= dailyBytesMax) return;
    isTold = true;
    report(
      `More than ${Math.floor(dailyBytesMax / MIB)} MiB were appended to the log on Consul within a day; a Consul of Drover's own (no consul { address }) spares the one you share`,
    );
  };
}
