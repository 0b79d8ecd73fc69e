/** The failures access control answers with. None names a secret. nomad.md §3.1, §8 acl/*. */
import { NamedError } from "#std";
import type { Outcome } from "#state";

export function tokenNotFound(): NamedError {
  return new NamedError("ACL_TOKEN_NOT_FOUND", "ACL token not found", {
    statusCode: 403,
    fix: "This cluster has no such token, or no longer: look at NOMAD_TOKEN and -token, or ask for another one.",
  });
}
export function tokenExpired(): NamedError {
  return new NamedError("ACL_TOKEN_EXPIRED", "ACL token expired", {
    statusCode: 403,
    fix: "Log in again (`drover login`), or ask for another one.",
  });
}
export function bootstrapped(index: number): NamedError {
  return new NamedError("ACL_BOOTSTRAPPED", `ACL bootstrap already done (reset index: ${index})`, {
    statusCode: 400,
    fix: `Whoever reaches a server's disk may allow it again: write ${index} to <data_dir>/server/acl-bootstrap-reset.`,
  });
}
/** What a client sent is not what is wanted. */
export function invalid(message: string): NamedError {
  return new NamedError("ACL_INVALID", message, { statusCode: 400 });
}
export function notFound(message: string): NamedError {
  return new NamedError("ACL_NOT_FOUND", message, { statusCode: 404 });
}
/** A login that is not believed. What stood in the token is not told. */
export function loginRefused(why: string, cause?: unknown): NamedError {
  return new NamedError("ACL_LOGIN_REFUSED", `Cannot log in: ${why}`, { statusCode: 403, cause });
}
/** By this server's clock. */
export function loginUntimely(why: string): NamedError {
  return new NamedError("ACL_LOGIN_REFUSED", `Cannot log in: ${why}`, {
    statusCode: 403,
    fix: "Get a new one; if it is new, the servers' clocks and the provider's differ: set them, or the method's ClockSkewLeeway.",
  });
}
export function unbound(): NamedError {
  return new NamedError("ACL_LOGIN_UNBOUND", "no role or policy bindings matched", {
    statusCode: 400,
    fix: "Make a binding rule whose selector matches the login: `drover acl binding-rule create`.",
  });
}
/** The state's word, as the API answers it. */
export function refusedByState({ code, reason }: Extract<Outcome, { ok: false }>): NamedError {
  return new NamedError("ACL_REFUSED", reason, { statusCode: { conflict: 400, missing: 404, invalid: 400, fault: 500 }[code] });
}
