/**
 * OpenID Connect's code flow, both of its steps. Nothing is kept between them: what has to come back is in the signed state.
 *
 *   client ─► authUrl ─► provider's page ─► client's redirect address, with code and state
 *          ─► completeAuth: state ours? ─► code for tokens (PKCE; secret or assertion) ─► id token verified, nonce the client's
 *          ─► userinfo, of the same subject ─► claims
 */
import type { AclAuthMethod } from "#model";
import { invalid, loginRefused } from "../errors.ts";
import type { AccessParts } from "../parts.ts";
import type { Claims } from "./claims.ts";
import { clientAssertion } from "./client-assertion.ts";
import { type Discovery, type Documents, jsonObject } from "./documents.ts";
import type { LoginState, LoginStates } from "./state-text.ts";
import { verified } from "./verify.ts";

const TIMEOUT_MS = 10_000;
const BYTES_MAX = 1024 * 1024;

export interface Flow {
  readonly parts: AccessParts;
  readonly documents: Documents;
  readonly states: LoginStates;
}

export interface AuthRequest {
  readonly redirectUri: string;
  readonly clientNonce: string;
}
export interface AuthAnswer extends AuthRequest {
  readonly state: string;
  readonly code: string;
}

export async function authUrl({ documents, states }: Flow, method: AclAuthMethod, request: AuthRequest): Promise<string> {
  checkRequest(method, request);
  const { config, discovery } = await providerOf(documents, method);
  const state = await states.make({ method: method.Name, ...request });
  const url = new URL(discovery.authorization_endpoint);
  const scopes = [...new Set(["openid", ...config.OIDCScopes])];
  const parameters = {
    response_type: "code",
    client_id: config.OIDCClientID,
    redirect_uri: request.redirectUri,
    scope: scopes.join(" "),
    state: state.text,
    nonce: request.clientNonce,
    ...(config.OIDCEnablePKCE ? { code_challenge: state.challenge, code_challenge_method: "S256" } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

export async function completeAuth(flow: Flow, method: AclAuthMethod, answer: AuthAnswer): Promise<Claims> {
  const { documents, states, parts } = flow;
  checkRequest(method, answer);
  if (answer.code === "") throw invalid("missing code");
  const { redirectUri, clientNonce } = answer;
  const state = await states.read(answer.state, { method: method.Name, redirectUri, clientNonce });
  const { config, discovery } = await providerOf(documents, method);
  const tokens = await exchange(flow, method, discovery, answer, state);
  const idToken = tokens["id_token"];
  if (typeof idToken !== "string") throw loginRefused("the provider answered without an id token");
  const bound = config.BoundAudiences;
  // Of an OIDC method only the provider's keys count.
  const onlyProvider = { ...config, JWTValidationPubKeys: [], JWKSURL: "" };
  const audiences = bound.length === 0 ? [config.OIDCClientID] : bound;
  const claims = await verified(documents, idToken, { config: onlyProvider, nowMs: parts.clock.nowMs(), audiences });
  if (claims["nonce"] !== clientNonce) throw loginRefused("the id token is another login's (nonce)");
  const audience = claims["aud"];
  if (Array.isArray(audience) && audience.length > 1 && claims["azp"] !== config.OIDCClientID) {
    throw loginRefused("the id token was issued to another client");
  }
  return { ...(await userInfo(parts, method, discovery, tokens["access_token"], claims["sub"])), ...claims };
}

function checkRequest({ Config }: AclAuthMethod, { redirectUri, clientNonce }: AuthRequest): void {
  if (clientNonce === "") throw invalid("missing client nonce");
  if (!Config.AllowedRedirectURIs.some((allowed) => sameRedirect(allowed, redirectUri))) {
    throw invalid(`unauthorized redirect_uri: ${redirectUri}`);
  }
}

/** Of a loopback address the port is whatever the client could get (RFC 8252). */
function sameRedirect(allowed: string, given: string): boolean {
  if (allowed === given) return true;
  if (!URL.canParse(allowed) || !URL.canParse(given)) return false;
  const [wanted, is] = [new URL(allowed), new URL(given)];
  if (!["127.0.0.1", "[::1]", "localhost"].includes(wanted.hostname) || wanted.port !== "") return false;
  is.port = "";
  return wanted.href === is.href;
}

async function providerOf(
  documents: Documents,
  { Config }: AclAuthMethod,
): Promise<{ config: AclAuthMethod["Config"]; discovery: Discovery }> {
  return { config: Config, discovery: await documents.discovery(Config.OIDCDiscoveryURL, Config.DiscoveryCaPem) };
}

async function exchange(
  { parts }: Flow,
  { Config }: AclAuthMethod,
  discovery: Discovery,
  { code, redirectUri }: AuthAnswer,
  state: LoginState,
): Promise<Record<string, unknown>> {
  const form = new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: redirectUri });
  const headers: Record<string, string> = { "content-type": "application/x-www-form-urlencoded" };
  if (Config.OIDCEnablePKCE) form.set("code_verifier", state.verifier);
  if (Config.OIDCClientAssertion !== null) {
    form.set("client_id", Config.OIDCClientID);
    form.set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    form.set("client_assertion", await clientAssertion(parts, Config));
  } else if (Config.OIDCClientSecret !== "" && discovery.token_endpoint_auth_methods_supported.includes("client_secret_basic")) {
    const basic = [Config.OIDCClientID, Config.OIDCClientSecret].map(encodeURIComponent).join(":");
    headers["authorization"] = `Basic ${Buffer.from(basic).toString("base64")}`;
  } else {
    form.set("client_id", Config.OIDCClientID);
    if (Config.OIDCClientSecret !== "") form.set("client_secret", Config.OIDCClientSecret);
  }
  const answer = await parts.web.request({
    method: "POST",
    url: discovery.token_endpoint,
    headers,
    body: form.toString(),
    certificateAuthorities: Config.DiscoveryCaPem,
    timeoutMs: TIMEOUT_MS,
    bodyBytesMax: BYTES_MAX,
  });
  if (answer.status !== 200) throw loginRefused(`the provider did not take the code: it answered ${answer.status}`);
  return jsonObject(answer.body);
}

async function userInfo(
  parts: AccessParts,
  { Config }: AclAuthMethod,
  { userinfo_endpoint: url }: Discovery,
  accessToken: unknown,
  subject: unknown,
): Promise<Claims> {
  if (Config.OIDCDisableUserInfo || url === "" || typeof accessToken !== "string") return {};
  const answer = await parts.web.request({
    method: "GET",
    url,
    headers: { authorization: `Bearer ${accessToken}` },
    certificateAuthorities: Config.DiscoveryCaPem,
    timeoutMs: TIMEOUT_MS,
    bodyBytesMax: BYTES_MAX,
  });
  if (answer.status !== 200) throw loginRefused(`the provider answered ${answer.status} when asked for the user`);
  const claims = jsonObject(answer.body);
  if (claims["sub"] !== subject) throw loginRefused("the provider told of another user than the id token does");
  return claims;
}
