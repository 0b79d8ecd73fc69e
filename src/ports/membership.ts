/**
 * Which servers there are, and how they stand: Serf's view, which Consul keeps. Makers: the private Consul and the external one
 * (integrations/consul), `memory`.
 */
export type MemberStatus = "alive" | "failed" | "leaving" | "left";

export interface ServerMember {
  /** "<server name>.<region>" */
  readonly Name: string;
  /** The server's own id, which survives every change of address; "" while it has not said. */
  readonly ServerId: string;
  readonly Address: string;
  /** Serf's: 4648. */
  readonly Port: number;
  readonly RpcAddress: string;
  readonly HttpAddress: string;
  /** Alive only when its machine and its Drover process both answer. */
  readonly Status: MemberStatus;
  readonly Datacenter: string;
  readonly Region: string;
  readonly Version: string;
  /** Does this one's Consul vote (a private Consul runs beside it)? */
  readonly Voter: boolean;
}

export interface JoinOutcome {
  readonly Joined: number;
  /** One for each address that could not be joined, with the reason. */
  readonly Problems: readonly string[];
}

/** The gossip's keys, base64. Only where it is encrypted; NamedError GOSSIP_NOT_ENCRYPTED otherwise. */
export interface GossipKeys {
  /** Key → on how many members. */
  readonly Keys: Readonly<Record<string, number>>;
  readonly PrimaryKeys: Readonly<Record<string, number>>;
  readonly Members: number;
}

export interface Membership {
  /** This server included. */
  members(): Promise<readonly ServerMember[]>;
  /** host[:port] of Serf each. With an external Consul: NamedError JOIN_BY_CONSUL (400): servers find each other in its catalog. */
  join(addresses: readonly string[]): Promise<JoinOutcome>;
  /** `prune`: also out of the list. Unknown names are fine. */
  forceLeave(name: string, prune: boolean): Promise<void>;
  /** This server leaves for good (leave_on_terminate, `server leave`). */
  leave(): Promise<void>;
  gossipKeys(): Promise<GossipKeys>;
  changeGossipKey(change: "install" | "use" | "remove", key: string): Promise<void>;
  close(): Promise<void>;
}
