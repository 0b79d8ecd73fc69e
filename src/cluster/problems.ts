/** What the cluster refuses, and what mends it. */
import { messageOf, NamedError } from "#std";
import type { Command } from "#state";
import { COMMAND_BYTES_MAX } from "./limits.ts";

const RECOVER = "drover operator raft recover";

export function noLeader(why: string, cause?: unknown): NamedError {
  const fix = cause instanceof NamedError ? cause.fix : undefined;
  return new NamedError("CLUSTER_NO_LEADER", `No cluster leader: ${why}`, {
    statusCode: 500,
    ...(fix === undefined ? {} : { fix }),
    cause,
  });
}

export function closed(): NamedError {
  return new NamedError("CLUSTER_CLOSED", "Cannot write: the server is shutting down", { statusCode: 503 });
}

export function notLeading(leader?: { readonly Name: string; readonly RpcAddress: string }): NamedError {
  return new NamedError("CLUSTER_NOT_LEADING", "Cannot write: this server does not lead any more", {
    statusCode: 503,
    ...(leader === undefined ? {} : { fix: `Ask "${leader.Name}" at ${leader.RpcAddress}.` }),
  });
}

export function peerNotLeading(leader: { readonly Name: string; readonly RpcAddress: string } | undefined): NamedError {
  return new NamedError("PEER_NOT_LEADING", "Cannot write through this server: it does not lead", {
    statusCode: 503,
    fix: leader === undefined ? "Nobody is known to lead: ask again." : `Ask "${leader.Name}" at ${leader.RpcAddress}.`,
  });
}

export function alone(): NamedError {
  return new NamedError("CLUSTER_ALONE", "Cannot transfer leadership: there is no other server", { statusCode: 400 });
}

/** `agoMs`: since it was last heard of; undefined: never. */
export function cannotTakeOver(serverId: string, agoMs: number | undefined): NamedError {
  const word = agoMs === undefined ? "it does not follow the log" : `it has said nothing for ${Math.round(agoMs / 1000)} s`;
  return new NamedError(
    "CLUSTER_SUCCESSOR_SILENT",
    `Cannot transfer leadership to server "${serverId}": ${word}, wanted one that follows`,
    {
      statusCode: 409,
      fix: "See who is alive with drover server members; the agent's own log says what keeps a server from following.",
    },
  );
}

export function tooLarge(command: Command, bytes: number): NamedError {
  const megabytes = (value: number) => (value / 1024 / 1024).toFixed(1);
  const subject = command.type === "job-register" ? `job "${command.Job.ID}"` : `"${command.type}"`;
  return new NamedError(
    "COMMAND_TOO_LARGE",
    `Cannot store ${subject}: it takes ${megabytes(bytes)} MB, at most ${megabytes(COMMAND_BYTES_MAX)} MB fit`,
    {
      statusCode: 413,
    },
  );
}

export function needsFeatureLevel(type: string, needed: number, has: number): NamedError {
  return new NamedError(
    "CLUSTER_FEATURE_LEVEL",
    `Cannot write "${type}": it needs feature level ${needed}, the servers of this cluster have ${has} in common`,
    { statusCode: 409, fix: "Upgrade every server, then try again." },
  );
}

export function halted(thrown: unknown): NamedError {
  return new NamedError("CLUSTER_HALTED", `Cannot go on applying the log: ${messageOf(thrown)}`, {
    fix:
      thrown instanceof NamedError && thrown.fix !== undefined
        ? thrown.fix
        : "Restart the agent; the entry is in the log and will be tried again.",
    cause: thrown,
  });
}

export function foreignCluster(own: string, found: string): NamedError {
  return new NamedError(
    "SHARED_LOG_FOREIGN",
    `Cannot follow the shared log: this server belongs to cluster "${own}", the log to "${found}"`,
    {
      statusCode: 500,
      fix: `Point it at the Consul of its own cluster, or start it with an empty data_dir to join this one, or make this server's disk the truth: ${RECOVER}`,
    },
  );
}

export function wiped(lastIndex: number): NamedError {
  return new NamedError(
    "SHARED_LOG_WIPED",
    `Cannot follow the shared log: Consul holds none, this server's disk holds it up to index ${lastIndex}`,
    {
      statusCode: 500,
      fix: `Restore Consul, or make the disk of the server with the highest index the truth: ${RECOVER}`,
    },
  );
}

export function behind(headIndex: number, lastIndex: number): NamedError {
  return new NamedError(
    "SHARED_LOG_BEHIND",
    `Cannot follow the shared log: it ends at index ${headIndex}, this server's disk holds it up to ${lastIndex}`,
    {
      statusCode: 500,
      fix: `Consul was restored from an older copy: make the disk of the server with the highest index the truth: ${RECOVER}`,
    },
  );
}

export function diverged(index: number): NamedError {
  return new NamedError(
    "SHARED_LOG_DIVERGED",
    `Cannot follow the shared log: from index ${index} on it tells another story than this server's disk`,
    {
      statusCode: 500,
      fix: `If this server's disk is right: ${RECOVER}; otherwise start it with an empty data_dir: it takes everything from the others.`,
    },
  );
}

export function parted(): NamedError {
  return new NamedError("CLUSTER_STATE_PARTED", "Cannot take part: this server's state has parted from the others', it fetches theirs", {
    statusCode: 503,
    fix: "Ask another server.",
  });
}
