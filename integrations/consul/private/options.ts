/** What a private Consul is told by the server it stands beside. */
import type { Clock } from "#ports";

export type Tell = (level: "info" | "warn" | "error", message: string, fields?: Readonly<Record<string, unknown>>) => void;

export interface PrivateConsulOptions {
  /** <data_dir>/server/consul; made if missing, for its owner alone. Consul's data, socket, log and configuration stand in it. */
  readonly directory: string;
  /** server { consul_path }; "": the `consul` of searchPath. */
  readonly binary: string;
  /** PATH of the agent. */
  readonly searchPath: string;
  /** The server's name, without the region. */
  readonly name: string;
  readonly region: string;
  /** An address each: no port. `advertise` may be a name; it is looked up at every start. */
  readonly bind: string;
  readonly advertise: string;
  readonly ports: { readonly serf: number; readonly rpc: number };
  /** 0: another server of a cluster that is there. */
  readonly bootstrapExpect: number;
  /** Gossip's key, base64 (16, 24 or 32 bytes); "": not encrypted. With `tls` the ACL tokens are made from it. */
  readonly encrypt: string;
  /** Does this server belong to no cluster yet? Then no key of gossip is kept from before. */
  readonly isNew?: boolean;
  /** Certificates of a server (server.<region>.nomad). Files: Consul reads them itself, and again at reload(). */
  readonly tls?: {
    readonly caFile: string;
    readonly certFile: string;
    readonly keyFile: string;
    /** tls { rpc_upgrade_mode }: plain connections are taken too, while a cluster is being changed over. */
    readonly acceptPlain?: boolean;
    /** tls { verify_server_hostname }; default true: who speaks as a server must show server.<region>.nomad. */
    readonly verifyServerHostname?: boolean;
    /** Default "TLSv1.2". */
    readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  };
  /** UUID; Consul's node id is made from it, so that a change of address heals (consul-log.md, 28). */
  readonly serverId: string;
  /** server { rejoin_after_leave } */
  readonly rejoinAfterLeave: boolean;
  readonly timeoutMs?: number;
  /** A Consul that answered once, lives, and then says nothing for so long is ended and started again. Default: a minute. */
  readonly silentMs?: number;
  readonly clock: Clock;
  readonly report: Tell;
}
