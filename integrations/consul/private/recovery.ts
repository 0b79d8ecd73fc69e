/**
 * A majority of the private Consuls is lost for good: one of those that are left is told who is left, and goes on with what it has. Only an
 * operator can say that (consul-log.md, 28), and it must be the most advanced one: its log becomes everybody's.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "#ports";
import { NamedError } from "#std";
import { placesOf } from "./agent-config.ts";
import { endsWithin, findProcess, signal } from "./agent-process.ts";
import { nodeIdOf } from "./secrets.ts";

export interface SurvivingServer {
  readonly serverId: string;
  /** host:port of its Consul's server port (4649). */
  readonly address: string;
}

const END_WAIT_MS = 15_000;

/**
 * Ends the private Consul of this directory and leaves it word who is left; it is obeyed at its next start. The same word on each of the survivors,
 * or `survivors` of one alone. Rejects with NamedError CONSUL_DID_NOT_END.
 */
export async function recoverPrivateConsul(directory: string, survivors: readonly SurvivingServer[], clock: Clock): Promise<void> {
  await endPrivateConsul(directory, clock);
  const raft = join(placesOf(directory).data, "raft");
  mkdirSync(raft, { recursive: true, mode: 0o700 });
  const peers = survivors.map(({ serverId, address }) => ({ id: nodeIdOf(serverId), address, non_voter: false }));
  writeFileSync(join(raft, "peers.json"), JSON.stringify(peers), { mode: 0o600 });
}

/** It is ended, and does not leave: its peers wait for it to come back. Nothing happens where none runs. */
export async function endPrivateConsul(directory: string, clock: Clock): Promise<void> {
  const found = findProcess(directory);
  if (found === undefined) return;
  signal(found, "SIGTERM");
  // One that was stopped hears it now.
  signal(found, "SIGCONT");
  if (await endsWithin(found, END_WAIT_MS, clock)) return;
  signal(found, "SIGKILL");
  if (await endsWithin(found, END_WAIT_MS, clock)) return;
  throw new NamedError("CONSUL_DID_NOT_END", `Cannot end the private Consul (process ${found.pid}): it runs on after SIGKILL`);
}
