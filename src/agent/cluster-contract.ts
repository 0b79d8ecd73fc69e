/** A server's part of a cluster, as the agent holds it. */
import type { Api } from "#api/server";
import type { Cluster } from "#cluster";
import type { LinkTls, NetworkPeers, ServedLink } from "#integrations/link";
import type { Membership, PeerEnd } from "#ports";
import type { RunningServer } from "#server";
import type { AgentConsul } from "./consul.ts";
import type { Parts } from "./parts.ts";

export interface AgentCluster {
  readonly cluster: Cluster;
  /** undefined: it stands alone. */
  readonly others: Others | undefined;
  /** `leaves`: the others are told that it goes for good. */
  close(how: { readonly leaves: boolean }): Promise<void>;
}

export interface Others {
  readonly peers: NetworkPeers;
  readonly membership: Membership;
  /** What other servers are answered here. */
  peerEnd(server: RunningServer, api: Api): PeerEnd;
  /** The link listens: this server joins the others, and nodes are told who the servers are, whenever that changes. Rejects with JOIN_FAILED. */
  begin(served: ServedLink): Promise<void>;
  /** Certificates were read again. */
  reload(tls: LinkTls): Promise<void>;
}

export interface ClusterNeeds {
  readonly parts: Parts;
  readonly tls: LinkTls | undefined;
  /** consul { … }: the Consul of the shared log then. */
  readonly consul: AgentConsul | undefined;
}
