/**
 * Is a JWT what it says: signed by a key of the method, for us, from whom we trust, now? Only asymmetric algorithms: a public key is never taken
 * for a shared secret.
 *
 *   keys (PEM, JWKS, discovery) ─► signature ─► issuer ─► audience ─► times, with leeways
 */
import { createPublicKey } from "node:crypto";
import type { AclAuthMethodConfig } from "#model";
import { compactVerify, createLocalJWKSet, decodeProtectedHeader, errors, type JSONWebKeySet } from "jose";
import { SIGNING_ALGORITHMS } from "../auth-methods.ts";
import { loginRefused, loginUntimely } from "../errors.ts";
import { type Documents, jsonObject } from "./documents.ts";
import type { Claims } from "./claims.ts";

/** Of nomad.md §7 (SSO) and of who came before it: what counts where the method says nothing. */
const CLOCK_SKEW_S = 60;
const WITHOUT_END_S = 150;
const TOKEN_LENGTH_MAX = 64 * 1024;

export interface Expected {
  readonly config: AclAuthMethodConfig;
  readonly nowMs: number;
  /** Also these, where an OIDC method says no audience: its client. */
  readonly audiences: readonly string[];
  /** undefined: as the method says. */
  readonly issuer?: string;
}

/** Rejects with ACL_LOGIN_REFUSED (403). */
export async function verified(documents: Documents, token: string, expected: Expected): Promise<Claims> {
  const { config } = expected;
  if (token.length > TOKEN_LENGTH_MAX) throw loginRefused("the token is too long");
  const algorithms = config.SigningAlgs.length === 0 ? SIGNING_ALGORITHMS : config.SigningAlgs;
  const { payload, issuer } = await signed(documents, token, config, [...algorithms]);
  const claims = jsonObject(payload);
  checkIssuer(claims, expected.issuer ?? issuer, config.BoundIssuer);
  checkAudience(claims, expected.audiences);
  checkTimes(claims, config, expected.nowMs / 1000);
  return claims;
}

interface Signed {
  readonly payload: string;
  /** "": whoever has the key. */
  readonly issuer: string;
}

async function signed(documents: Documents, token: string, config: AclAuthMethodConfig, algorithms: string[]): Promise<Signed> {
  if (config.JWTValidationPubKeys.length > 0) return { payload: await byAnyOf(token, config.JWTValidationPubKeys, algorithms), issuer: "" };
  if (config.JWKSURL !== "") {
    const authorities = config.JWKSCACert === "" ? [] : [config.JWKSCACert];
    return { payload: await byKeySet(documents, token, config.JWKSURL, authorities, algorithms), issuer: "" };
  }
  const discovery = await documents.discovery(config.OIDCDiscoveryURL, config.DiscoveryCaPem);
  return { payload: await byKeySet(documents, token, discovery.jwks_uri, config.DiscoveryCaPem, algorithms), issuer: discovery.issuer };
}

async function byAnyOf(token: string, pems: readonly string[], algorithms: string[]): Promise<string> {
  for (const pem of pems) {
    try {
      const { payload } = await compactVerify(token, createPublicKey(pem), { algorithms });
      return Buffer.from(payload).toString("utf8");
    } catch {
      // Perhaps the next one's.
    }
  }
  throw loginRefused("the token is signed by none of the method's keys");
}

async function byKeySet(
  documents: Documents,
  token: string,
  url: string,
  authorities: readonly string[],
  algorithms: string[],
): Promise<string> {
  for (const fresh of [false, true]) {
    const keys = await documents.keys(url, authorities, fresh);
    try {
      const { payload } = await compactVerify(token, createLocalJWKSet(keys as unknown as JSONWebKeySet), { algorithms });
      return Buffer.from(payload).toString("utf8");
    } catch (thrown) {
      if (thrown instanceof errors.JWKSMultipleMatchingKeys) return byEveryKey(token, keys.keys, algorithms);
      // A key the provider has made since.
      if (!fresh && thrown instanceof errors.JWKSNoMatchingKey) continue;
      throw loginRefused("the token is not signed by a key of the provider", thrown);
    }
  }
  throw loginRefused("the token is not signed by a key of the provider");
}

/** A token that does not say which. */
async function byEveryKey(token: string, keys: readonly Readonly<Record<string, unknown>>[], algorithms: string[]): Promise<string> {
  const { alg } = decodeProtectedHeader(token);
  for (const key of keys) {
    try {
      const { payload } = await compactVerify(token, createLocalJWKSet({ keys: [key] } as unknown as JSONWebKeySet), { algorithms });
      return Buffer.from(payload).toString("utf8");
    } catch {
      // Perhaps the next one's.
    }
  }
  throw loginRefused(`the token (${String(alg)}) is not signed by a key of the provider`);
}

function checkIssuer(claims: Claims, issuer: string, bound: readonly string[]): void {
  const iss = claims["iss"];
  if (issuer !== "" && iss !== issuer) throw loginRefused("the token is another issuer's");
  if (bound.length > 0 && !bound.includes(String(iss))) throw loginRefused("the token's issuer is not one of BoundIssuer");
}

function checkAudience(claims: Claims, bound: readonly string[]): void {
  const aud = claims["aud"];
  const audiences = aud === undefined ? [] : (Array.isArray(aud) ? aud : [aud]).map(String);
  if (bound.length === 0) {
    // Made for somebody else, perhaps: whoever gets hold of it there would get in here.
    if (audiences.length > 0) throw loginRefused("the token names an audience, and the method has no BoundAudiences");
    return;
  }
  if (!audiences.some((each) => bound.includes(each))) throw loginRefused("the token is for another audience than BoundAudiences");
}

function checkTimes(claims: Claims, config: AclAuthMethodConfig, now: number): void {
  const at = (name: string) => {
    const value = claims[name];
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isFinite(value)) throw loginRefused(`the token's ${name} is no time`);
    return value;
  };
  const [iat, nbf, exp] = [at("iat"), at("nbf"), at("exp")];
  if (iat === undefined && nbf === undefined && exp === undefined)
    throw loginRefused("the token says neither since when nor until when it is good");
  const seconds = (ns: number, unsaid: number) => (ns === 0 ? unsaid : Math.max(0, ns / 1e9));
  const skew = seconds(config.ClockSkewLeeway, CLOCK_SKEW_S);
  const until = exp ?? (nbf ?? iat ?? 0) + seconds(config.ExpirationLeeway, WITHOUT_END_S);
  const since = nbf ?? iat ?? until - seconds(config.NotBeforeLeeway, WITHOUT_END_S);
  if (now > until + skew) throw loginUntimely("the token has expired");
  if (now < since - skew) throw loginUntimely("the token is not good yet");
  if (iat !== undefined && iat > now + skew) throw loginUntimely("the token was issued in the future");
}
