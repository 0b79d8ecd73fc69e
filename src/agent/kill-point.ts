/** For the tests that kill the agent at a named step: DROVER_KILL_AT names it, and the agent ends there as by kill -9. */
import type { KillPoint } from "#client";

export function killPointFrom(environment: Readonly<Record<string, string | undefined>>): KillPoint {
  const wanted = environment["DROVER_KILL_AT"];
  if (wanted === undefined || wanted === "") return () => undefined;
  return (name) => {
    if (name === wanted) process.kill(process.pid, "SIGKILL");
  };
}
