/** What every part of an agent is given. */
import type { Clock, Random } from "#ports";
import type { Config } from "./config/mod.ts";
import type { AgentLog } from "./log.ts";

export interface AgentSurroundings {
  readonly log: AgentLog;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Parts extends AgentSurroundings {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
}
