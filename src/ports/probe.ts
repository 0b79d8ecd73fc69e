/**
 * A look at a service over the network, as its check asks for. Maker: `hostProbe` (integrations/host). nomad.md §2.8.
 *
 * Never rejects: what went wrong is the result. Stops at the time limit, or when the signal aborts.
 */
export interface HttpProbe {
  /** http://127.0.0.1:8080/health */
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  readonly tlsServerName: string;
  readonly tlsSkipVerify: boolean;
  readonly timeoutMs: number;
}

export interface ProbeResult {
  readonly passing: boolean;
  /** HTTP's; 0 where there was none. */
  readonly statusCode: number;
  /** What was answered, or what went wrong; at most 3 KiB, valid text. */
  readonly output: string;
}

export interface Probe {
  /** Passing: an answer below 400. */
  http(probe: HttpProbe, signal: AbortSignal): Promise<ProbeResult>;
  /** Passing: somebody takes the connection. */
  tcp(target: { readonly address: string; readonly port: number; readonly timeoutMs: number }, signal: AbortSignal): Promise<ProbeResult>;
}
