/** Certificates of the link: who is believed, and until when. As what somebody may speak is the model's to say (certificate-role.ts). nomad.md §5.4 (tls). */
import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { CertificateObjection } from "#model";
import { messageOf, NamedError } from "#std";

/** PEM texts; `ca` may hold several (while one takes the place of another). Both ends prove who they are. */
export interface LinkTls {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly region: string;
  /** True: names are demanded. False: a certificate without any such name is believed, one that names something else is not. */
  readonly verifyServerHostname: boolean;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** OpenSSL names, colon between; "": the default ones. */
  readonly ciphers?: string;
}

/** OpenSSL's word for why a certificate is not believed, in ours. */
export function trustObjection(code: string): CertificateObjection {
  if (code === "CERT_HAS_EXPIRED")
    return {
      message: "its certificate has expired",
      fix: "Give it a new one and send its agent SIGHUP. Is the clock right on both machines?",
    };
  if (code === "CERT_NOT_YET_VALID") return { message: "its certificate is not valid yet", fix: "Set the clocks of both machines right." };
  if (code === "INVALID_PURPOSE")
    return { message: "its certificate is not made for this end of a connection", fix: "Make it with drover tls cert create." };
  return {
    message: "its certificate is not signed by the CA of this cluster",
    fix: "Give both ends the same tls { ca_file }, and certificates that CA has signed; while a CA is replaced, ca_file holds both.",
  };
}

export const NO_CERTIFICATE: CertificateObjection = {
  message: "it shows no certificate",
  fix: "Give it one: tls { rpc = true, ca_file, cert_file, key_file }.",
};

/** For tls.createServer, setSecureContext and clients. */
export function contextOptions({ ca, cert, key, minVersion = "TLSv1.2", ciphers = "" }: LinkTls): SecureContextOptions {
  return { ca, cert, key, minVersion, ...(ciphers === "" ? {} : { ciphers }) };
}

/** Throws NamedError LINK_TLS_INVALID. */
export function contextOf(tls: LinkTls): SecureContext {
  try {
    return createSecureContext(contextOptions(tls));
  } catch (cause) {
    throw new NamedError("LINK_TLS_INVALID", `Cannot use the certificate of tls { rpc }: ${messageOf(cause)}`, {
      statusCode: 500,
      fix: "See that cert_file and key_file belong together, and that all files are PEM.",
    });
  }
}

const WARN_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

/** One line each for what has expired or will within 30 days: the certificate and the CA's. Unreadable ones are passed over. */
export function expiryWarnings({ ca, cert }: Pick<LinkTls, "ca" | "cert">, nowMs: number): readonly string[] {
  const warn = (what: string, certificate: X509Certificate): readonly string[] => {
    const leftDays = Math.floor((Date.parse(certificate.validTo) - nowMs) / DAY_MS);
    if (leftDays >= WARN_DAYS) return [];
    const name = certificate.subject.split("\n").at(-1) ?? "";
    return [`${what} (${name}) ${leftDays < 0 ? "has expired" : `expires in ${leftDays} days`}: ${certificate.validTo}`];
  };
  return [
    ...certificatesIn(cert)
      .slice(0, 1)
      .flatMap((each) => warn("the certificate of tls { cert_file }", each)),
    ...certificatesIn(ca).flatMap((each) => warn("a CA of tls { ca_file }", each)),
  ];
}

function certificatesIn(pem: Buffer): readonly X509Certificate[] {
  const texts = pem.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return texts.flatMap((text) => {
    try {
      return [new X509Certificate(text)];
    } catch {
      return [];
    }
  });
}
