/** What a server that shows itself is answered: the cluster's key, when it may belong here. Who speaks as a server at all the link has judged. */
import { isIP } from "node:net";
import type { Introduction, IntroductionAnswer, ServerMember } from "#ports";
import { NamedError } from "#std";

/**
 * Rejects with PEER_FOREIGN: it is of another region or cluster, with SERVER_NAME_TAKEN: another one has its name; it is told nothing then.
 * `key`: undefined while there is none.
 */
export async function answerIntroduction(
  who: Introduction,
  own: Introduction,
  key: () => Promise<Uint8Array | undefined>,
  members: () => Promise<readonly ServerMember[]>,
): Promise<IntroductionAnswer> {
  if (who.Region !== own.Region) throw peerForeign(who, `it is of region "${who.Region}", this one of "${own.Region}"`);
  if (own.ClusterId !== "" && who.ClusterId !== "" && own.ClusterId !== who.ClusterId)
    throw peerForeign(who, `it belongs to cluster ${who.ClusterId}, this one to ${own.ClusterId}`);
  const namesake =
    who.Name === own.Name && who.ServerId !== own.ServerId ? (own.RpcAddress ?? "this address") : namesakeOf(who, await members());
  if (namesake !== undefined)
    throw new NamedError("SERVER_NAME_TAKEN", `Cannot let server "${who.Name}" in: another one of that name is at ${namesake}`, {
      statusCode: 409,
      fix: "Give each server a name of its own: name, or -node.",
    });
  const known = await key();
  return {
    ServerId: own.ServerId,
    Name: own.Name,
    ClusterId: own.ClusterId,
    ClusterKey: known === undefined ? "" : Buffer.from(known).toString("base64"),
  };
}

/** Gossip knows one server by each name. One that comes again without its disk is at the address it had, or the old one has failed. */
function namesakeOf(who: Introduction, members: readonly ServerMember[]): string | undefined {
  const host = hostOf(who.RpcAddress ?? "");
  // By a host's name it may be the same one.
  if (isIP(host) === 0) return undefined;
  const isOther = ({ Name, ServerId, Status, Address }: ServerMember): boolean =>
    Name === who.Name && Status === "alive" && ServerId !== who.ServerId && isIP(Address) !== 0 && Address !== host;
  return members.find(isOther)?.RpcAddress;
}

export function hostOf(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function peerForeign(who: Introduction, why: string): NamedError {
  return new NamedError("PEER_FOREIGN", `Cannot let server "${who.Name}" in: ${why}`, {
    statusCode: 403,
    fix: "Join servers of one cluster only; an empty data_dir makes a new server of it.",
  });
}
