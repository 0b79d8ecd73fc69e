/** A full or broken disk is told in the agent's log: once when it begins, once when it is over. Who asked for the write is told each time by its error. */
import type { Log } from "#ports";
import { messageOf } from "#std";

export function toldLog<L extends Pick<Log, "append">>(log: L, tell: (level: "ERROR" | "INFO", message: string) => void): L {
  const append = log.append.bind(log);
  let fails = false;
  return Object.assign(log, {
    async append(entries: readonly Uint8Array[]): Promise<number> {
      try {
        const index = await append(entries);
        if (fails) tell("INFO", "the log on disk takes writes again");
        fails = false;
        return index;
      } catch (error) {
        if (!fails) tell("ERROR", `${messageOf(error)}; nothing is changed until it can be written again`);
        fails = true;
        throw error;
      }
    },
  });
}
