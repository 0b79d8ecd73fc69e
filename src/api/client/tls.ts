/** TLS from the asking end: the files as node wants them, checked, and what went wrong in a handshake in words that help. */
import { messageOf, NamedError } from "#std";
import type { Address } from "./address.ts";
import { ApiUnreachable } from "./api-error.ts";

export interface TlsFiles {
  /** PEM text. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly skipVerify?: boolean;
}

/** Throws NamedError API_TLS_FILE_UNFIT: no PEM, or a key of another certificate. */
export async function tlsOptions(tls: TlsFiles): Promise<Readonly<Record<string, unknown>>> {
  const { createSecureContext } = await import("node:tls");
  const { ca, certificate, key } = tls;
  if ((certificate === undefined) !== (key === undefined)) {
    const [given, missing] = certificate === undefined ? ["-client-key", "-client-cert"] : ["-client-cert", "-client-key"];
    throw unfit(`${given} without ${missing}`, "a certificate is of use with its key only", "Give both, or neither.");
  }
  // OpenSSL takes a file without a certificate for an authority's silently.
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----"))
    throw unfit("-ca-cert", "there is no certificate in it", "It must be the authority's certificate in PEM: nomad-agent-ca.pem.");
  const attempt = (what: string, options: Parameters<typeof createSecureContext>[0], fix: string) => {
    try {
      createSecureContext(options);
    } catch (thrown) {
      throw unfit(what, reasonOf(thrown), fix);
    }
  };
  if (ca !== undefined) attempt("-ca-cert", { ca }, "It must be the authority's certificate in PEM: nomad-agent-ca.pem.");
  if (certificate !== undefined && key !== undefined)
    attempt("-client-cert and -client-key", { cert: certificate, key }, "Name the two files `drover tls cert create -cli` made together.");
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate, key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(tls.skipVerify === true ? { rejectUnauthorized: false } : {}),
  };
}

function unfit(what: string, why: string, fix: string): NamedError {
  return new NamedError("API_TLS_FILE_UNFIT", `Cannot use ${what}: ${why}`, { statusCode: 400, fix });
}

function reasonOf(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException).code ?? "";
  if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH") return "the key is another certificate's";
  if (code.startsWith("ERR_OSSL_PEM") || code === "ERR_OSSL_UNSUPPORTED") return "it is not PEM, or has a passphrase";
  return messageOf(thrown);
}

/** What node calls an authority it does not trust. */
const UNKNOWN_AUTHORITY = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_GET_ISSUER_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
  "CERT_UNTRUSTED",
]);
const CLIENT_WANTED =
  "Give yours by -client-cert and -client-key (NOMAD_CLIENT_CERT, NOMAD_CLIENT_KEY); `drover tls cert create -cli` makes one.";

/** undefined: it has nothing to do with TLS. */
export function handshakeFailure(address: Address, tls: TlsFiles, error: NodeJS.ErrnoException): ApiUnreachable | undefined {
  if (!address.secure) return undefined;
  const code = error.code ?? "";
  const failure = (why: string, fix: string) =>
    new ApiUnreachable("API_UNREACHABLE", `Cannot reach the agent at "${address.text}": ${why}`, { fix, cause: error });
  if (UNKNOWN_AUTHORITY.has(code))
    return failure(
      "its certificate is signed by an authority this machine does not know",
      "Name that authority's certificate by -ca-cert or NOMAD_CACERT; `drover tls ca create` called it nomad-agent-ca.pem.",
    );
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const names = (error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname ?? "";
    const shown = names.replaceAll(/\b(DNS|IP Address):/g, "") || "no name at all";
    return failure(
      `its certificate is for ${shown}, not "${tls.serverName ?? address.host}"`,
      "Ask by one of those names, or say which to expect: -tls-server-name=server.global.nomad, NOMAD_TLS_SERVER_NAME.",
    );
  }
  if (code === "CERT_HAS_EXPIRED")
    return failure("its certificate has ended", "Make a new one with `drover tls cert create -server` and reload the agent.");
  if (code === "CERT_NOT_YET_VALID")
    return failure(
      "its certificate is not valid yet, by this machine's clock",
      "Set the clock of this machine, or of the one it was made on.",
    );
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG" || /wrong version number/.test(error.message))
    return failure("it does not speak TLS", `Ask by ${address.text.replace(/^https:/, "http:")}.`);
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|ALERT_UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED/.test(code))
    return failure(
      tls.certificate === undefined ? "it asks for a certificate of its clients" : "it does not take the certificate shown",
      CLIENT_WANTED,
    );
  if (code === "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" || code === "ERR_SSL_UNSUPPORTED_PROTOCOL")
    return failure("it speaks another version of TLS", "Set tls { tls_min_version } of the agent to tls12.");
  // A server that wants a certificate and gets none, or a wrong one, may just hang up.
  if (code === "ECONNRESET" || code === "EPIPE" || error.message === "socket hang up")
    return failure("the connection broke; it may want a certificate of its clients, another than was shown", CLIENT_WANTED);
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") return failure(`the TLS handshake failed: ${messageOf(error)}`, "");
  return undefined;
}

/** What an agent that speaks TLS says to those who do not. */
export function plainToSecure(address: Address, text: string): string | undefined {
  if (address.secure || !text.startsWith("Client sent an HTTP request to an HTTPS server")) return undefined;
  return `Ask by ${address.text.replace(/^http:/, "https:")}, in -address or NOMAD_ADDR.`;
}
