/** What providers publish: discovery documents and keys. Kept for a while; keys are asked again when a token names one that is not among them. */
import type { Clock, Web } from "#ports";
import { loginRefused } from "../errors.ts";

const TIMEOUT_MS = 10_000;
const BYTES_MAX = 1024 * 1024;
const KEPT_MS = 300_000;
/** A stranger's made-up key ids must not become a flood of requests. */
const AGAIN_MS = 10_000;
const KEPT_MAX = 256;

export interface Discovery {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly userinfo_endpoint: string;
  readonly token_endpoint_auth_methods_supported: readonly string[];
}

export interface Jwks {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

export interface Documents {
  /** Of the provider at this address; its issuer is that address. Rejects with ACL_LOGIN_REFUSED. */
  discovery(url: string, authorities: readonly string[]): Promise<Discovery>;
  /** `fresh`: not older than a moment. */
  keys(url: string, authorities: readonly string[], fresh: boolean): Promise<Jwks>;
}

export function createDocuments(web: Web, clock: Clock): Documents {
  const kept = new Map<string, { readonly at: number; readonly value: Promise<unknown> }>();

  function get(url: string, authorities: readonly string[], maxAgeMs: number): Promise<unknown> {
    const key = JSON.stringify([url, authorities]);
    const known = kept.get(key);
    if (known !== undefined && clock.nowMs() - known.at < maxAgeMs) return known.value;
    if (kept.size >= KEPT_MAX) kept.clear();
    const value = fetchJson(web, url, authorities);
    kept.set(key, { at: clock.nowMs(), value });
    value.catch(() => kept.get(key)?.value === value && kept.delete(key));
    return value;
  }

  return {
    async discovery(url, authorities) {
      const address = `${url.replace(/\/$/, "")}/.well-known/openid-configuration`;
      const found = (await get(address, authorities, KEPT_MS)) as Record<string, unknown>;
      const text = (name: string) => (typeof found[name] === "string" ? found[name] : "");
      // Else another provider's word would count as this one's.
      if (text("issuer").replace(/\/$/, "") !== url.replace(/\/$/, ""))
        throw loginRefused("the provider calls itself by another address than OIDCDiscoveryURL");
      const methods = found["token_endpoint_auth_methods_supported"];
      return {
        issuer: text("issuer"),
        authorization_endpoint: text("authorization_endpoint"),
        token_endpoint: text("token_endpoint"),
        jwks_uri: text("jwks_uri"),
        userinfo_endpoint: text("userinfo_endpoint"),
        token_endpoint_auth_methods_supported: Array.isArray(methods) ? methods.map(String) : ["client_secret_basic"],
      };
    },
    async keys(url, authorities, fresh) {
      const found = (await get(url, authorities, fresh ? AGAIN_MS : KEPT_MS)) as { keys?: unknown };
      if (!Array.isArray(found.keys)) throw loginRefused("the provider's keys are no key set");
      return found as Jwks;
    },
  };
}

async function fetchJson(web: Web, url: string, certificateAuthorities: readonly string[]): Promise<object> {
  const answer = await web.request({ method: "GET", url, certificateAuthorities, timeoutMs: TIMEOUT_MS, bodyBytesMax: BYTES_MAX });
  if (answer.status !== 200) throw loginRefused(`the provider answered ${answer.status} when asked for what it publishes`);
  return jsonObject(answer.body);
}

export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw loginRefused("the provider's answer is no JSON object");
}
