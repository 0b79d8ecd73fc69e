/**
 * How a client proves to the provider who it is without sending a secret: a JWT of its own (RFC 7523), signed with the keyring ("nomad": the
 * provider knows our JWKS), a private key of the method, or its client secret. nomad.md §7 (SSO).
 */
import { createPrivateKey, createSecretKey, X509Certificate } from "node:crypto";
import { SignJWT } from "jose";
import type { AclAuthMethodConfig } from "#model";
import { loginRefused } from "../errors.ts";
import { valueOf } from "../fields.ts";
import type { AccessParts } from "../parts.ts";

const GOOD_FOR_S = 300;

export async function clientAssertion(
  { keys, clock, random }: Pick<AccessParts, "keys" | "clock" | "random">,
  { OIDCClientAssertion, OIDCClientID, OIDCClientSecret, OIDCDiscoveryURL }: AclAuthMethodConfig,
): Promise<string> {
  const said = (name: string): string => String(valueOf(OIDCClientAssertion, name) ?? "");
  const audience = valueOf(OIDCClientAssertion, "Audience");
  const now = Math.floor(clock.nowMs() / 1000);
  const jwt = new SignJWT({})
    .setIssuer(OIDCClientID)
    .setSubject(OIDCClientID)
    .setAudience(Array.isArray(audience) && audience.length > 0 ? audience.map(String) : [OIDCDiscoveryURL])
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + GOOD_FOR_S)
    .setJti(random.uuid());
  const extra = valueOf(OIDCClientAssertion, "ExtraHeaders");
  const headers = typeof extra === "object" && extra !== null ? (extra as Record<string, string>) : {};
  const source = said("KeySource");
  if (source === "nomad") {
    if (keys === undefined) throw loginRefused("this server has no keyring to sign a client assertion with");
    const key = await keys.signing();
    return jwt.setProtectedHeader({ ...headers, typ: "JWT", alg: key.algorithm, kid: key.id }).sign(key.key);
  }
  if (source === "client_secret") {
    const alg = said("KeyAlgorithm") === "" ? "HS256" : said("KeyAlgorithm");
    return jwt.setProtectedHeader({ ...headers, typ: "JWT", alg }).sign(createSecretKey(Buffer.from(OIDCClientSecret)));
  }
  const own = valueOf(OIDCClientAssertion, "PrivateKey");
  const of = (name: string): string => String(valueOf(own, name) ?? "");
  if (source !== "private_key" || of("PemKey") === "")
    throw loginRefused("the method's client assertion has no key: KeySource nomad, client_secret, or private_key with PrivateKey.PemKey");
  const alg = said("KeyAlgorithm") === "" ? "RS256" : said("KeyAlgorithm");
  return jwt.setProtectedHeader({ ...headers, typ: "JWT", alg, ...keyHeader(of) }).sign(createPrivateKey(of("PemKey")));
}

/** By which name the provider knows the key: one that was agreed on, or its certificate's fingerprint. */
function keyHeader(of: (name: string) => string): Readonly<Record<string, string>> {
  if (of("KeyID") !== "") return { [of("KeyIDHeader") === "" ? "kid" : of("KeyIDHeader")]: of("KeyID") };
  if (of("PemCert") === "") return {};
  const certificate = new X509Certificate(of("PemCert"));
  const digest = (hex: string) => Buffer.from(hex.replaceAll(":", ""), "hex").toString("base64url");
  if (of("KeyIDHeader") === "x5t") return { x5t: digest(certificate.fingerprint) };
  return { "x5t#S256": digest(certificate.fingerprint256) };
}
