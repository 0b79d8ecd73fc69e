/**
 * Unix sockets inside an allocation that lead to a system on the host's network: `alloc/tmp/consul_grpc.sock`, `consul_http.sock`. A task in a
 * network namespace reaches nothing else of the host's. Maker: `hostTunnels` (integrations/host). nomad.md §2.5.
 *
 * Contract (test/conformance/tunnels): bytes go both ways unchanged, half-closed ends stay half-closed, slow readers slow the writer; a socket left by
 * a killed agent is replaced; a target that cannot be reached closes the connection and nothing else; `close` ends the listener, its connections and its file;
 * connections beyond some hundred are ended at once.
 */
export interface Tunnels {
  /**
   * Any user of the allocation may connect (mode 0666). `target` is asked for with every connection, so that it may move; undefined: it is not known
   * now. Rejects with NamedError TUNNEL_FAILED.
   */
  open(socketPath: string, target: () => TunnelTarget | undefined): Promise<Tunnel>;
}

export type TunnelTarget = { readonly path: string } | { readonly host: string; readonly port: number };

export interface Tunnel {
  readonly connections: number;
  close(): Promise<void>;
}
