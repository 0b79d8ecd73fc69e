/** The refusals this door makes itself; the rooms behind it bring their own NamedErrors. nomad.md §3.1. */
import { NamedError } from "#std";

/** A refusal that a state of a certain index gave: clients wait for what is missing with ?index. */
export class RefusedAt extends Error {
  readonly index: number;

  constructor(cause: unknown, index: number) {
    super("refused", { cause });
    this.index = index;
  }
}

export function badRequest(message: string): NamedError {
  return new NamedError("API_BAD_REQUEST", message, { statusCode: 400 });
}

/** `what` as Nomad's clients expect it: "job not found". */
export function notFound(what: string): NamedError {
  return new NamedError("API_NOT_FOUND", what, { statusCode: 404 });
}

export function serverOnly(): NamedError {
  return new NamedError("API_SERVER_ONLY", "Server only endpoint", { statusCode: 501, fix: "Ask an agent that runs a server." });
}

/** `why`: what stands in the way, or "". */
export function notInThisVersion(path: string, why = ""): NamedError {
  return new NamedError("API_LATER", `${path} is not in this version of Drover yet${why === "" ? "" : `: ${why}`}`, { statusCode: 501 });
}

export function enterpriseOnly(): NamedError {
  return new NamedError("API_ENTERPRISE", "Nomad Enterprise only endpoint", { statusCode: 501 });
}

/** What is asked for is at another server: dispatch passes the request on to it. */
export class AnsweredElsewhere extends NamedError {
  /** host:port of its 4647. */
  readonly rpcAddress: string;

  constructor(rpcAddress: string) {
    super("API_ELSEWHERE", `Cannot answer here: server ${rpcAddress} can`, { statusCode: 500, fix: "Ask that server." });
    this.rpcAddress = rpcAddress;
  }
}

export function noLeader(fix: string): NamedError {
  return new NamedError("API_NO_LEADER", "No cluster leader", { statusCode: 500, fix });
}
