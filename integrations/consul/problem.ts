/** What Consul answered instead of what was wanted, before a window's maker gives it that window's names. */

export class ConsulProblem extends Error {
  /** HTTP's; 0: no answer at all. */
  readonly status: number;
  /** What a person is to correct first, where that is plain: it is not over by itself. */
  readonly fix: string | undefined;

  constructor(status: number, text: string, fix?: string) {
    super(text === "" ? `Consul answered ${status}` : text);
    this.name = "ConsulProblem";
    this.status = status;
    this.fix = fix ?? (status === 400 && PLAIN_TO_TLS.test(text) ? FIX_PLAIN_TO_TLS : undefined);
  }

  /** Nobody there, too slow, too busy, or without a leader: later it may be well. */
  get passes(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }

  /** The token that was sent is not known (any more). */
  get tokenUnknown(): boolean {
    return this.status === 403 && this.message.includes("ACL not found");
  }
}

const PLAIN_TO_TLS = /HTTP request to an HTTPS server/i;
const FIX_PLAIN_TO_TLS = "It speaks TLS there: write https:// in front of its address, or consul { ssl = true } (CONSUL_HTTP_SSL).";

/** What Node says of a connection that TLS did not come about on, for people. The first that fits. */
const TLS_FAULTS: readonly { readonly code: RegExp; readonly why: string; readonly fix: string }[] = [
  {
    code: /^(UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|CERT_(UNTRUSTED|SIGNATURE)|INVALID_CA)/,
    why: "its certificate is signed by nobody who is trusted here",
    fix: "Name the certificate of who signed it: consul { ca_file } (CONSUL_CACERT).",
  },
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    why: "its certificate is for another name",
    fix: "Reach it by a name that stands in its certificate, or trust any: consul { verify_ssl = false } (CONSUL_HTTP_SSL_VERIFY).",
  },
  {
    code: /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    why: "its certificate is not valid at this time",
    fix: "Renew it, or set this machine's clock.",
  },
  {
    code: /ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_\w+)$/,
    why: "it wants a certificate from who asks, one that it trusts",
    fix: "Name one: consul { cert_file, key_file } (CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY).",
  },
  {
    code: /KEY_VALUES_MISMATCH$/,
    why: "cert_file and key_file do not belong together",
    fix: "Correct consul { cert_file, key_file } (CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY).",
  },
  {
    code: /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/,
    why: "it does not speak TLS there",
    fix: "Name its HTTPS port, or leave ssl and https:// out.",
  },
];

const TEXT_MAX = 500;

/** One line: answers are pages of HTML when a proxy stands between. */
export function answerText(body: unknown): string {
  const text = Buffer.isBuffer(body) ? body.toString() : typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
  return text.replaceAll(/\s+/g, " ").trim().slice(0, TEXT_MAX);
}

/** Why a request got no answer, without the request: its headers hold the token. */
export function silence(thrown: unknown, address: string, timeoutMs: number): ConsulProblem {
  const { code, message, name } = thrown as { code?: unknown; message?: string; name?: string };
  const slow = name === "TimeoutError" || name === "AbortError" || /timed out/.test(message ?? "");
  const fault = typeof code === "string" ? TLS_FAULTS.find((each) => each.code.test(code)) : undefined;
  if (fault !== undefined) return new ConsulProblem(0, `Consul at ${address} cannot be reached: ${fault.why} (${String(code)})`, fault.fix);
  const reason = slow ? `no answer within ${timeoutMs} ms` : typeof code === "string" && code !== "" ? code : (message ?? "no connection");
  return new ConsulProblem(0, `Consul at ${address} cannot be reached: ${reason}`);
}
