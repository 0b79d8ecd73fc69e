/** The API over the real state, written to by random commands: for what must hold whatever is written when. */
import { createApi, type AgentFacts, type Api } from "#api/server";
import type { Cluster } from "#cluster";
import { createSeededRandom } from "#integrations/memory";
import type { Job } from "#model";
import { commandVersion, createState, type Command, type State } from "#state";
import { randomCommand } from "../state/random-commands.ts";
import { CLOCK } from "./fake-world.ts";

export interface RealWorld {
  readonly api: Api;
  readonly state: State;
  apply(command: Command): void;
  /** One random command; a refused one counts too. */
  move(): void;
}

export function createRealWorld(seed: number): RealWorld {
  const state = createState({ clock: CLOCK, freeze: true });
  const random = createSeededRandom(seed);
  const remembered: Job[] = [];
  const cluster = {
    clusterId: "c",
    leads: true,
    leaderAddress: "",
    lastContactMs: () => 0,
    read: async () => state.snapshot(),
    state,
  } as unknown as Cluster;
  const apply = (command: Command) => {
    const index = state.index + 1;
    state.apply(index, { version: commandVersion(command.type) as number, time: index * 1000, requestId: `r${index}`, command });
  };
  return {
    state,
    apply,
    move: () => apply(randomCommand(random, state.snapshot(), remembered)),
    api: createApi({
      server: null,
      cluster,
      localNode: null,
      agent: { member: () => ({ Tags: {} }) } as unknown as AgentFacts,
      clock: CLOCK,
      random: createSeededRandom(seed),
      region: "global",
      datacenter: "dc1",
    }),
  };
}
