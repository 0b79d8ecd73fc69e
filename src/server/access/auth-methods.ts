/** Ways to log in come, change and go. A change says what is to be different; a secret that is told back as "redacted" stays as it is. */
import { X509Certificate, createPublicKey } from "node:crypto";
import type { AclAuthMethod, AclAuthMethodConfig } from "#model";
import { formatDuration } from "#std";
import type { AccessControl } from "./contract.ts";
import { invalid, notFound } from "./errors.ts";
import { durationNs, listOf, nameOf, recordFields, valueOf } from "./fields.ts";
import { interpolates } from "./login/interpolate.ts";
import type { AccessParts } from "./parts.ts";
import { hashOf, timeText, write } from "./write.ts";

const REDACTED = "redacted";
const DEFAULT_TOKEN_NAME = "${auth_method_type}-${auth_method_name}";
/** Never a shared secret's, never none. */
export const SIGNING_ALGORITHMS: readonly string[] = [
  "RS256",
  "RS384",
  "RS512",
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
];

export async function upsertAuthMethod(
  parts: AccessParts,
  given: unknown,
  name: string | null,
): ReturnType<AccessControl["upsertAuthMethod"]> {
  const fields = recordFields(given, "Cannot store ACL auth method");
  const named = fields.text("Name");
  if (name !== null && named !== "" && named !== name) throw invalid("Name of ACL auth method is not that of the request's path");
  const before = parts.cluster.state.snapshot().aclAuthMethod(name ?? named);
  if (name !== null && before === undefined) throw notFound(`cannot find auth method ${name}`);
  const method = readMethod(parts, { ...(typeof given === "object" ? given : {}), Name: name ?? named }, before);
  const Index = await write(parts, { type: "acl-auth-methods-upsert", Methods: [method] });
  return { Index, AuthMethod: parts.cluster.state.snapshot().aclAuthMethod(method.Name) ?? method };
}

export async function deleteAuthMethod(parts: AccessParts, name: string): ReturnType<AccessControl["deleteAuthMethod"]> {
  return { Index: await write(parts, { type: "acl-auth-methods-delete", Names: [name] }) };
}

function readMethod({ clock, policy }: AccessParts, given: unknown, before: AclAuthMethod | undefined): AclAuthMethod {
  const fields = recordFields(given, "Cannot store ACL auth method");
  const Name = nameOf(fields, "auth method");
  const or = <T>(value: T, empty: T, old: T | undefined): T => (value === empty && old !== undefined ? old : value);
  const Type = or(fields.text("Type").toUpperCase(), "", before?.Type);
  if (Type !== "OIDC" && Type !== "JWT") throw invalid(`invalid auth method type ${JSON.stringify(Type)}: OIDC or JWT is wanted`);
  if (before !== undefined && before.Type !== Type) throw invalid("the type of an auth method cannot change");
  const TokenLocality = or(fields.text("TokenLocality"), "", before?.TokenLocality);
  if (TokenLocality !== "local" && TokenLocality !== "global") throw invalid("invalid token locality: local or global is wanted");
  const ttl = or(durationNs(valueOf(given, "MaxTokenTTL"), "MaxTokenTTL"), 0, before?.MaxTokenTTL);
  const [min, max] = [policy.tokenMinExpirationMs * 1e6, policy.tokenMaxExpirationMs * 1e6];
  if (ttl < min || ttl > max) {
    throw invalid(
      `invalid MaxTokenTTL value '${formatDuration(ttl)}' (should be between ${formatDuration(min)} and ${formatDuration(max)})`,
    );
  }
  const TokenNameFormat = or(fields.text("TokenNameFormat"), "", before?.TokenNameFormat ?? DEFAULT_TOKEN_NAME);
  if (!interpolates(TokenNameFormat)) throw invalid(`invalid token name format ${JSON.stringify(TokenNameFormat)}`);
  const Default = fields.flag("Default") ?? before?.Default ?? false;
  const Config = readConfig(valueOf(given, "Config") ?? {}, before?.Config);
  checkConfig(Type, Config);
  const now = timeText(clock.nowMs());
  return {
    Name,
    Type,
    TokenLocality,
    TokenNameFormat,
    MaxTokenTTL: ttl,
    Default,
    Config,
    Hash: hashOf(Name, Type, TokenLocality, TokenNameFormat, ttl, Default, Config),
    CreateTime: before?.CreateTime ?? now,
    ModifyTime: now,
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

function readConfig(given: unknown, before: AclAuthMethodConfig | undefined): AclAuthMethodConfig {
  const fields = recordFields(given, "Cannot store ACL auth method", "Config.");
  const says = (name: string) => (valueOf(given, name) ?? null) !== null;
  const text = (name: keyof AclAuthMethodConfig): string =>
    says(name) ? fields.text(name) : ((before?.[name] as string | undefined) ?? "");
  const texts = (name: keyof AclAuthMethodConfig): readonly string[] =>
    says(name) ? (listOf(given, name, "auth method") as readonly string[]) : ((before?.[name] as readonly string[] | undefined) ?? []);
  const flag = (name: keyof AclAuthMethodConfig): boolean => fields.flag(name) ?? (before?.[name] as boolean | undefined) ?? false;
  const duration = (name: keyof AclAuthMethodConfig): number =>
    says(name) ? durationNs(valueOf(given, name), name) : ((before?.[name] as number | undefined) ?? 0);
  const map = (name: keyof AclAuthMethodConfig) =>
    says(name) ? fields.textMap(name) : ((before?.[name] as Readonly<Record<string, string>>) ?? {});
  const secret = text("OIDCClientSecret");
  const assertion = valueOf(given, "OIDCClientAssertion");
  for (const name of [
    "JWTValidationPubKeys",
    "OIDCScopes",
    "BoundAudiences",
    "BoundIssuer",
    "AllowedRedirectURIs",
    "DiscoveryCaPem",
    "SigningAlgs",
  ]) {
    fields.texts(name);
  }
  return {
    JWTValidationPubKeys: texts("JWTValidationPubKeys"),
    JWKSURL: text("JWKSURL"),
    JWKSCACert: text("JWKSCACert"),
    OIDCDiscoveryURL: text("OIDCDiscoveryURL"),
    OIDCClientID: text("OIDCClientID"),
    OIDCClientSecret: secret === REDACTED ? (before?.OIDCClientSecret ?? "") : secret,
    OIDCClientAssertion:
      assertion === undefined ? (before?.OIDCClientAssertion ?? null) : (assertion as Readonly<Record<string, unknown>> | null),
    OIDCEnablePKCE: flag("OIDCEnablePKCE"),
    OIDCDisableUserInfo: flag("OIDCDisableUserInfo"),
    OIDCScopes: texts("OIDCScopes"),
    BoundAudiences: texts("BoundAudiences"),
    BoundIssuer: texts("BoundIssuer"),
    AllowedRedirectURIs: texts("AllowedRedirectURIs"),
    DiscoveryCaPem: texts("DiscoveryCaPem"),
    SigningAlgs: texts("SigningAlgs"),
    ExpirationLeeway: duration("ExpirationLeeway"),
    NotBeforeLeeway: duration("NotBeforeLeeway"),
    ClockSkewLeeway: duration("ClockSkewLeeway"),
    ClaimMappings: map("ClaimMappings"),
    ListClaimMappings: map("ListClaimMappings"),
    VerboseLogging: flag("VerboseLogging"),
  };
}

function checkConfig(type: "OIDC" | "JWT", config: AclAuthMethodConfig): void {
  const algorithm = config.SigningAlgs.find((each) => !SIGNING_ALGORITHMS.includes(each));
  if (algorithm !== undefined)
    throw invalid(`invalid signing algorithm ${JSON.stringify(algorithm)}: known are ${SIGNING_ALGORITHMS.join(", ")}`);
  for (const pem of [...config.DiscoveryCaPem, ...(config.JWKSCACert === "" ? [] : [config.JWKSCACert])]) {
    if (!readable(() => new X509Certificate(pem))) throw invalid("a CA certificate of the ACL auth method is no PEM certificate");
  }
  if (type === "OIDC") {
    if (config.OIDCDiscoveryURL === "" || config.OIDCClientID === "")
      throw invalid("an OIDC auth method needs OIDCDiscoveryURL and OIDCClientID");
    if (config.AllowedRedirectURIs.length === 0) throw invalid("an OIDC auth method needs AllowedRedirectURIs");
    checkUrl("OIDCDiscoveryURL", config.OIDCDiscoveryURL);
    return;
  }
  const ways = [config.JWTValidationPubKeys.length > 0, config.JWKSURL !== "", config.OIDCDiscoveryURL !== ""].filter(Boolean).length;
  if (ways !== 1) throw invalid("a JWT auth method needs exactly one of JWTValidationPubKeys, JWKSURL and OIDCDiscoveryURL");
  if (config.JWKSURL !== "") checkUrl("JWKSURL", config.JWKSURL);
  if (config.OIDCDiscoveryURL !== "") checkUrl("OIDCDiscoveryURL", config.OIDCDiscoveryURL);
  for (const pem of config.JWTValidationPubKeys) {
    if (!readable(() => createPublicKey(pem))) throw invalid("a key of JWTValidationPubKeys is no PEM public key");
  }
}

function checkUrl(name: string, url: string): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalid(`${name} ${JSON.stringify(url)} is no http or https address`);
}

function readable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
