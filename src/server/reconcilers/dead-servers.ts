/**
 * The servers themselves, looked after by the one that leads: since when each is well, and whoever failed for good is forgotten.
 *
 *   look ──► members, what the log knows of each ──► well since … / failed since … ──► forgotten, and the others' gossip is told
 *
 * What was seen is kept nowhere: another leader begins to count anew, which forgets later and never sooner.
 */
import type { Membership, Timer } from "#ports";
import { messageOf, parseDuration } from "#std";
import type { ServerContext } from "../context.ts";
import { autopilotConfiguration, type AutopilotStart } from "../operations/autopilot.ts";
import { deadServers, failedServers, wellServers, type ServersSeen } from "./dead-servers-rules.ts";

const LOOK_MS = 1_000;
/** Between two looks no more is counted than this: a clock that is set ahead makes nobody fail for longer. */
const WATCHED_MS_MAX = 5_000;
const NS_PER_MS = 1e6;

export interface DeadServers {
  /** Unix milliseconds by server id; who is not well is absent. */
  stableSinceMs(): Readonly<Record<string, number>>;
  close(): void;
}

/** `membership` undefined: this server stands alone, and is well. */
export function createDeadServers(context: ServerContext, membership: Membership | undefined, first: AutopilotStart): DeadServers {
  const { cluster, clock, report } = context;
  const wellSince = new Map([[cluster.serverId, clock.nowMs()]]);
  /** By the time that was watched. */
  const failedSince = new Map<string, number>();
  let watchedMs = 0;
  let lookedMs = clock.nowMs();
  let timer: Timer | undefined;
  let closed = false;
  let failing = false;

  async function look(among: Membership): Promise<void> {
    await storeFirst();
    const [servers, members] = await Promise.all([cluster.servers(), among.members()]);
    if (closed) return;
    const seen: ServersSeen = { servers, members, ownId: cluster.serverId, index: cluster.state.index };
    const configuration = autopilotConfiguration(cluster.state.snapshot(), first);
    const nowMs = clock.nowMs();
    watchedMs += Math.min(nowMs - lookedMs, WATCHED_MS_MAX);
    lookedMs = nowMs;
    remember(wellSince, wellServers(seen, configuration.MaxTrailingLogs), nowMs);
    remember(failedSince, failedServers(members), watchedMs);
    const stabilizationMs = (parseDuration(configuration.ServerStabilizationTime) ?? 0) / NS_PER_MS;
    for (const { ServerId, Name, left } of deadServers(seen, configuration, {
      failedSinceMs: failedSince,
      stabilizationMs,
      nowMs: watchedMs,
    })) {
      await cluster.forgetServer(ServerId);
      if (!left) await among.forceLeave(Name, false);
      report({
        level: "info",
        message: left ? "server left, it is forgotten" : "server failed for good, it is forgotten",
        fields: { server: Name, id: ServerId },
      });
    }
  }

  /** What the leader's own configuration says, once: from then on it is the cluster's. */
  async function storeFirst(): Promise<void> {
    const stored = cluster.state.snapshot().autopilotConfiguration();
    if (stored.ModifyIndex > 0) return;
    await cluster.propose({ type: "autopilot-configuration", Configuration: { ...stored, ...first }, EnforceIndex: 0 });
  }

  function run(among: Membership): void {
    look(among).then(
      () => {
        failing = false;
        again(among);
      },
      (thrown: unknown) => {
        if (closed) return;
        report({
          level: failing ? "debug" : "warn",
          message: "cannot look after the servers: trying again",
          fields: { error: messageOf(thrown) },
        });
        failing = true;
        again(among);
      },
    );
  }

  function again(among: Membership): void {
    if (!closed) timer = clock.after(LOOK_MS, () => run(among));
  }

  if (membership !== undefined) run(membership);
  return {
    stableSinceMs: () => Object.fromEntries(wellSince),
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

/** Of whom it was so already, since when; the rest from now on. */
function remember(since: Map<string, number>, now: readonly string[], nowMs: number): void {
  for (const id of since.keys()) if (!now.includes(id)) since.delete(id);
  for (const id of now) if (!since.has(id)) since.set(id, nowMs);
}
