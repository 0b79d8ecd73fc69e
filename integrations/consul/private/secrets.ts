/**
 * What all servers of a cluster must know alike before they have met, made from what they were given alike (pure).
 *
 * Consul's ACLs need tokens that every server knows before there is a leader who could hand them out, and the only secret that servers share
 * before they meet is gossip's key. So the tokens are made from it; without a key there is nothing to make them of, and Consul's ACLs stay off.
 * After a rotation of the key the token made from the new key is added when the key is installed (membership-private.ts).
 */
import { createHash, createHmac } from "node:crypto";

export interface PrivateTokens {
  /** May do everything; it is known to Consul as soon as it first has a leader. "": ACLs are off. */
  readonly management: string;
  /** May ask and steer the agent beside us (members, join, leave), also without a leader. "": ACLs are off. */
  readonly agent: string;
}

export const NO_TOKENS: PrivateTokens = { management: "", agent: "" };

/** `gossipKey` base64. */
export function tokensOf(gossipKey: string, region: string): PrivateTokens {
  const secret = (purpose: string): string =>
    asUuid(createHmac("sha256", Buffer.from(gossipKey, "base64")).update(`drover consul ${purpose}\0${region}`).digest());
  return { management: secret("management"), agent: secret("agent") };
}

/** Consul's id of a server's node: its own id if that is a UUID. Ids survive changes of address. */
export function nodeIdOf(serverId: string): string {
  const lower = serverId.toLowerCase();
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(lower)
    ? lower
    : asUuid(createHash("sha256").update(`drover server\0${serverId}`).digest());
}

function asUuid(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The public id of a token. */
export function accessorOf(token: string): string {
  return asUuid(createHash("sha256").update(`drover consul accessor\0${token}`).digest());
}
