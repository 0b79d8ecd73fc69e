/** What befalls an agent, its Consul and its OpenBao, and what operators change meanwhile, drawn from a seed: the same seed, the same history. Pure. */
import { createSeededRandom } from "#integrations/memory";

export const FAULTS = [
  "none",
  "agent killed",
  "agent killed, changed while it is dead",
  "agent killed right after the change",
  "agent killed while OpenBao is sealed",
  "agent and OpenBao and Consul killed",
  "agent a minute ahead",
  "agent a minute behind",
  "OpenBao sealed",
  "OpenBao restarted",
  "OpenBao paused",
  "Consul restarted",
  "Consul paused",
  "Vault token of the signalled task revoked",
  "Vault token of the restarted task revoked",
  "lease revoked",
] as const;
export type Fault = (typeof FAULTS)[number];

export const WHAT = ["key", "secret", "variable"] as const;
export type What = (typeof WHAT)[number];

/** `value`: what it becomes; undefined: the same is written again. */
export interface Change {
  readonly what: What;
  readonly value: string | undefined;
}

export interface Round {
  readonly fault: Fault;
  readonly changes: readonly Change[];
  /** From the change to what comes after it. */
  readonly pauseMs: number;
}

/** Decks of all faults, until the agent was killed so often; one deck at least. */
export function historyOf(seed: number, kills: number): readonly Round[] {
  const random = createSeededRandom(seed);
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const rounds: Round[] = [];
  let count = 0;
  const changes = (): readonly Change[] =>
    Array.from({ length: below(3) }, () => ({
      what: WHAT[below(WHAT.length)] as What,
      value: below(4) === 0 ? undefined : `value-${++count}`,
    }));
  do {
    const left: Fault[] = [...FAULTS];
    while (left.length > 0) {
      rounds.push({ fault: left.splice(below(left.length), 1)[0] as Fault, changes: changes(), pauseMs: below(300) });
    }
  } while (rounds.filter(({ fault }) => killsAgent(fault)).length < kills);
  return rounds;
}

export function killsAgent(fault: Fault): boolean {
  return fault.startsWith("agent");
}

export function describeRound({ fault, changes }: Round): string {
  return `${fault}: ${changes.map(({ what, value }) => `${what}=${value ?? "the same"}`).join(", ") || "nothing changed"}`;
}
