/** What Vault answered instead of what was wanted, before a window's maker gives it that window's names. */

export interface VaultProblemDetail {
  /** What a person is to correct first, where that is plain: it is not over by itself. */
  readonly fix?: string | undefined;
  /** Unix milliseconds by Vault's own clock when it answered; null: it did not say. */
  readonly serverTimeMs?: number | null;
  readonly deniedByPolicy?: boolean;
}

export class VaultProblem extends Error {
  /** HTTP's; 0: no answer at all. */
  readonly status: number;
  readonly fix: string | undefined;
  readonly serverTimeMs: number | null;
  /** A 403 to a token that is known: what it may is too little. Without it a 403 may also mean a token that is gone. */
  readonly deniedByPolicy: boolean;

  constructor(status: number, text: string, { fix, serverTimeMs = null, deniedByPolicy = false }: VaultProblemDetail = {}) {
    super(text === "" ? `Vault answered ${status}` : text);
    this.name = "VaultProblem";
    this.status = status;
    this.serverTimeMs = serverTimeMs;
    this.deniedByPolicy = deniedByPolicy;
    this.fix = fix ?? (status === 400 && PLAIN_TO_TLS.test(text) ? FIX_PLAIN_TO_TLS : undefined);
  }

  /** Nobody there, too slow, too busy, sealed, not caught up or without a leader: later it may be well. */
  get passes(): boolean {
    return this.status === 0 || this.status >= 500 || [408, 412, 429, 472, 473].includes(this.status);
  }

  get isSealed(): boolean {
    return this.status === 503 && /sealed/i.test(this.message);
  }
}

export function problemOf(thrown: unknown): VaultProblem {
  return thrown instanceof VaultProblem ? thrown : new VaultProblem(0, "Vault cannot be asked");
}

const PLAIN_TO_TLS = /HTTP request to an HTTPS server/i;
const FIX_PLAIN_TO_TLS = "It speaks TLS there: write https:// in front of its address.";

/** What Node says of a connection that TLS did not come about on, for people. The first that fits. */
const TLS_FAULTS: readonly { readonly code: RegExp; readonly why: string; readonly fix: string }[] = [
  {
    code: /^(UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|CERT_(UNTRUSTED|SIGNATURE)|INVALID_CA)/,
    why: "its certificate is signed by nobody who is trusted here",
    fix: "Name the certificate of who signed it: vault { ca_file } (VAULT_CACERT).",
  },
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    why: "its certificate is for another name",
    fix: "Reach it by a name that stands in its certificate, or say that name: vault { tls_server_name } (VAULT_TLS_SERVER_NAME).",
  },
  {
    code: /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    why: "its certificate is not valid at this time",
    fix: "Renew it, or set this machine's clock.",
  },
  {
    code: /ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_\w+)$/,
    why: "it wants a certificate from who asks, one that it trusts",
    fix: "Name one: vault { cert_file, key_file } (VAULT_CLIENT_CERT, VAULT_CLIENT_KEY).",
  },
  {
    code: /KEY_VALUES_MISMATCH$/,
    why: "cert_file and key_file do not belong together",
    fix: "Correct vault { cert_file, key_file } (VAULT_CLIENT_CERT, VAULT_CLIENT_KEY).",
  },
  {
    code: /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/,
    why: "it does not speak TLS there",
    fix: "Name its HTTPS port, or write http:// in front of its address.",
  },
];

/**
 * An answer that is none of what was asked for. Vault refuses an unknown token with the bare words "permission denied" (newer ones add
 * "invalid token"), and a known one whose policies are too few with a list of one error that says the same words.
 */
export function answeredProblem(status: number, body: unknown, serverTimeMs: number | null): VaultProblem {
  const { errors } = (typeof body === "object" && body !== null ? body : {}) as { errors?: unknown };
  const said = Array.isArray(errors) ? errors.map(String).join("; ") : "";
  const deniedByPolicy =
    status === 403 && (said.startsWith("1 error occurred") || said.includes("preflight capability")) && !/(invalid|bad) token/.test(said);
  return new VaultProblem(status, answerText(body), { serverTimeMs, deniedByPolicy });
}

const TEXT_MAX = 500;

/** One line. Vault says { errors: […] }; a proxy between says pages of HTML. */
export function answerText(body: unknown): string {
  const { errors } = (typeof body === "object" && body !== null ? body : {}) as { errors?: unknown };
  const text = Array.isArray(errors) ? errors.map(String).join("; ") : typeof body === "string" ? body : "";
  // Go's lists of errors: "1 error occurred:\n\t* permission denied\n\n"
  return text
    .replace(/^\d+ errors? occurred:\s*\*\s*/, "")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(0, TEXT_MAX);
}

/** Why a request got no answer, without the request: its headers hold the token. */
export function silence(thrown: unknown, address: string, timeoutMs: number): VaultProblem {
  if (thrown instanceof VaultProblem) return thrown;
  const { code, message, name } = thrown as { code?: unknown; message?: string; name?: string };
  const slow = name === "TimeoutError" || name === "AbortError";
  const fault = typeof code === "string" ? TLS_FAULTS.find((each) => each.code.test(code)) : undefined;
  if (fault !== undefined)
    return new VaultProblem(0, `Vault at ${address} cannot be reached: ${fault.why} (${String(code)})`, { fix: fault.fix });
  const reason = slow ? `no answer within ${timeoutMs} ms` : typeof code === "string" && code !== "" ? code : (message ?? "no connection");
  return new VaultProblem(0, `Vault at ${address} cannot be reached: ${reason}`);
}
