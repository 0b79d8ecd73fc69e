/** What a server that shows itself is answered: the cluster's key, when it may belong here. Who speaks as a server at all the link has judged. */
import type { Introduction, IntroductionAnswer } from "#ports";
import { NamedError } from "#std";

/** Rejects with PEER_FOREIGN: it is of another region or cluster, and is told nothing. `key`: undefined while there is none. */
export async function answerIntroduction(
  who: Introduction,
  own: Introduction,
  key: () => Promise<Uint8Array | undefined>,
): Promise<IntroductionAnswer> {
  if (who.Region !== own.Region) throw peerForeign(who, `it is of region "${who.Region}", this one of "${own.Region}"`);
  if (own.ClusterId !== "" && who.ClusterId !== "" && own.ClusterId !== who.ClusterId)
    throw peerForeign(who, `it belongs to cluster ${who.ClusterId}, this one to ${own.ClusterId}`);
  const known = await key();
  return {
    ServerId: own.ServerId,
    Name: own.Name,
    ClusterId: own.ClusterId,
    ClusterKey: known === undefined ? "" : Buffer.from(known).toString("base64"),
  };
}

function peerForeign(who: Introduction, why: string): NamedError {
  return new NamedError("PEER_FOREIGN", `Cannot let server "${who.Name}" in: ${why}`, {
    statusCode: 403,
    fix: "Join servers of one cluster only; an empty data_dir makes a new server of it.",
  });
}
