/** Which servers are well, and which of those that are not will be forgotten. Pure. nomad.md §7 "Autopilot". */
import type { AutopilotConfiguration } from "#model";
import type { ServerDescription } from "#cluster";
import type { ServerMember } from "#ports";

export interface ServersSeen {
  readonly servers: readonly Pick<ServerDescription, "ServerId" | "SyncedIndex">[];
  readonly members: readonly Pick<ServerMember, "Name" | "ServerId" | "Status">[];
  /** Who looks: it leads. */
  readonly ownId: string;
  /** Applied here. */
  readonly index: number;
}

/** Ids of those that answer and are not far behind. */
export function wellServers({ servers, members, ownId, index }: ServersSeen, maxTrailingLogs: number): readonly string[] {
  const alive = new Set(members.filter(({ Status }) => Status === "alive").map(({ ServerId }) => ServerId));
  return servers
    .filter(({ ServerId, SyncedIndex }) => ServerId === ownId || (alive.has(ServerId) && index - SyncedIndex <= maxTrailingLogs))
    .map(({ ServerId }) => ServerId);
}

/** Ids of those that failed; one that came again under another name is there. */
export function failedServers(members: ServersSeen["members"]): readonly string[] {
  const alive = new Set(members.filter(({ Status }) => Status === "alive").map(({ ServerId }) => ServerId));
  return members.filter(({ ServerId, Status }) => Status === "failed" && !alive.has(ServerId)).map(({ ServerId }) => ServerId);
}

export interface DeadServer {
  readonly ServerId: string;
  /** As the others know it. */
  readonly Name: string;
  /** It said so itself. */
  readonly left: boolean;
}

/**
 * Those that left, and those that failed for so long, as long as the rest is a majority of all that there were, and MinQuorum of them remain:
 * a leader that is cut off forgets nobody. `failedSinceMs`: by id, since when each was seen to have failed.
 */
export function deadServers(
  { servers, members, ownId }: ServersSeen,
  configuration: Pick<AutopilotConfiguration, "CleanupDeadServers" | "MinQuorum">,
  times: { readonly failedSinceMs: ReadonlyMap<string, number>; readonly stabilizationMs: number; readonly nowMs: number },
): readonly DeadServer[] {
  const known = new Set(servers.map(({ ServerId }) => ServerId));
  const gone = members
    .filter(({ ServerId, Status }) => ServerId !== ownId && known.has(ServerId) && (Status === "left" || Status === "failed"))
    // One that came again under another name is there.
    .filter(({ ServerId }) => !members.some((other) => other.ServerId === ServerId && other.Status === "alive"))
    .map(({ ServerId, Name, Status }) => ({ ServerId, Name, left: Status === "left" }));
  const old = gone.filter(({ ServerId, left }) => {
    if (left) return true;
    const sinceMs = times.failedSinceMs.get(ServerId);
    return configuration.CleanupDeadServers && sinceMs !== undefined && times.nowMs - sinceMs >= times.stabilizationMs;
  });
  const alive = members.filter(({ ServerId, Status }) => Status === "alive" && known.has(ServerId)).length;
  const majority = alive >= Math.floor(servers.length / 2) + 1;
  return majority && alive >= configuration.MinQuorum ? old : [];
}
