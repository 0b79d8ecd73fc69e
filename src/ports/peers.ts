/**
 * Between servers, on the port of the node link (4647): what one server may ask of another. Makers: gRPC (integrations/link), `memory`.
 * Only who shows a server's certificate is answered (where TLS is on).
 */
import type { Duplex } from "node:stream";
import type { NodeId } from "#model";

/** Who comes, and what it believes. Answered before anybody joins anybody's gossip. */
export interface Introduction {
  readonly ServerId: string;
  readonly Name: string;
  readonly Region: string;
  /** "": it belongs to none yet. */
  readonly ClusterId: string;
  readonly Version: string;
  /** Where it is reached; an older server does not say. */
  readonly RpcAddress?: string;
}

export interface IntroductionAnswer {
  readonly ServerId: string;
  readonly Name: string;
  /** "": this one belongs to none yet. */
  readonly ClusterId: string;
  /** What seals the shared log's batches, base64; "": none yet. A secret: it is told only to a server of this cluster or of none. */
  readonly ClusterKey: string;
}

/** What a server answers to others. Refusals are NamedErrors; PEER_NOT_LEADING (503) names who leads in `fix`. */
export interface PeerEnd {
  /** Rejects with PEER_FOREIGN (403) when it belongs to another cluster or region, with SERVER_NAME_TAKEN (409) when another one has its name. */
  introduce(introduction: Introduction): Promise<IntroductionAnswer>;
  /** A command (codec's bytes, without time) to be appended by the leader under this id; the outcome as the state gave it. Leader only. */
  propose(command: Uint8Array, requestId: string): Promise<PeerOutcome>;
  /** Signs of life of nodes that are connected to who asks; the answer is the time within which the next is wanted, by node. Leader only. */
  beat(nodes: readonly NodeId[]): Promise<Readonly<Record<NodeId, number>>>;
  holdsNode(id: NodeId): Promise<boolean>;
  /** The newest snapshot at or above an index, and its bytes. */
  snapshot(atLeastIndex: number): AsyncIterable<Uint8Array>;
  /** What opens a root key, sealed by nothing: only between servers. null: not here. */
  keyEncryption(keyId: string): Promise<Uint8Array | null>;
  /** A connection to this server's HTTP API, as if it came in by its door; who asks says in the request who they are. */
  api(connection: Duplex): void;
}

export interface PeerOutcome {
  readonly ok: boolean;
  readonly index: number;
  readonly code?: string;
  readonly reason?: string;
}

/** A way to one other server. Rejects with NamedError PEER_UNREACHABLE (503). Calls carry their own time limits. */
export interface Peer extends Omit<PeerEnd, "api"> {
  /** Bytes both ways: HTTP is spoken on it. */
  openApi(): Promise<Duplex>;
}

export interface Peers {
  /** host:port of its 4647. Connections are kept and shared. */
  at(rpcAddress: string): Peer;
  close(): void;
}
