/** The named errors of ports/shared-log, as this maker words them. */
import { NamedError, messageOf } from "#std";

export function notLeading(why = "this server does not lead"): NamedError {
  return new NamedError("SHARED_LOG_NOT_LEADING", `Cannot append to the shared log: ${why}`, { statusCode: 503 });
}

export function outcomeUnknown(): NamedError {
  return new NamedError(
    "SHARED_LOG_OUTCOME_UNKNOWN",
    "Cannot tell whether the shared log took it: Consul's answer is lost, and leadership with it",
    { statusCode: 503, fix: "Ask again under the same request id." },
  );
}

export function writeFailed(why: string): NamedError {
  return new NamedError("LOG_WRITE_FAILED", `Cannot append to the shared log: ${why}`, { statusCode: 503 });
}

export function unreachable(thrown: unknown): NamedError {
  if (thrown instanceof NamedError) return thrown;
  return new NamedError("SHARED_LOG_UNREACHABLE", `Cannot reach the shared log: ${messageOf(thrown)}`, { statusCode: 503 });
}

/** `by`: the name of the server that leads; "": nobody does. */
export function inUse(by: string): NamedError {
  const who = by === "" ? "a server" : `server "${by}"`;
  return new NamedError(
    "SHARED_LOG_IN_USE",
    `Cannot replace the shared log: ${who} still writes to it, wanted all of its servers stopped`,
    {
      statusCode: 409,
      fix: "Stop every server of the cluster, then say drover operator raft recover again.",
    },
  );
}

export function behind(next: number, why: string): NamedError {
  return new NamedError("SHARED_LOG_BEHIND", `Cannot follow the shared log from entry ${next}: ${why}`, { statusCode: 503 });
}

export function cutAway(next: number, floor: number): NamedError {
  return new NamedError("SHARED_LOG_CUT", `Cannot follow the shared log from entry ${next}: it begins at ${floor}`, { statusCode: 503 });
}
