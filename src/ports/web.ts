/**
 * A request to a web server somebody else runs: providers of logins. Maker: `hostWeb` (integrations/host). No redirects are followed; the body is
 * text and has an end. Rejects with NamedError WEB_UNREACHABLE (503; the message holds no query, header or body) when there is no answer in time.
 */
export interface Web {
  request(request: WebRequest): Promise<WebAnswer>;
}

export interface WebRequest {
  readonly method: "GET" | "POST";
  /** https:// or http:// */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM; the only ones trusted. Empty: the machine's. */
  readonly certificateAuthorities: readonly string[];
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
}

export interface WebAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}
