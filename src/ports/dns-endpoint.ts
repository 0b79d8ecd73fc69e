/**
 * Questions over DNS: datagrams and connections come in, bytes go out. Maker: `hostDnsEndpoint` (integrations/host).
 *
 * The answering function never throws; undefined: no answer at all (what came is not a question).
 */
export interface DnsEndpoint {
  /**
   * Listens on UDP and TCP of the same port. Rejects with NamedError DNS_ADDRESS_IN_USE or DNS_ADDRESS_DENIED (a port below 1024 without the
   * right to it). Port 0: any free one.
   */
  listen(
    address: { readonly host: string; readonly port: number },
    answer: (question: Uint8Array, transport: "udp" | "tcp") => Promise<Uint8Array | undefined>,
  ): Promise<DnsListener>;
  /** Asks another server. Rejects at the time limit. */
  ask(
    server: { readonly host: string; readonly port: number },
    question: Uint8Array,
    transport: "udp" | "tcp",
    timeoutMs: number,
  ): Promise<Uint8Array>;
  /** The machine's own: nameservers of /etc/resolv.conf, in order, without `except`. */
  upstreams(except: readonly string[]): Promise<readonly { readonly host: string; readonly port: number }[]>;
}

export interface DnsListener {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}
