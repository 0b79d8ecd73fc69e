/** ports/token-exchange by Consul's JWT login: a workload's identity goes in, an ACL token of exactly its rights comes out. */
import { randomUUID } from "node:crypto";
import type { ExchangedToken, TokenExchange } from "#ports";
import { NamedError } from "#std";
import type { ConsulConnection } from "./connection.ts";
import { ConsulProblem } from "./problem.ts";

export interface ConsulTokensOptions {
  readonly connection: ConsulConnection;
  /** consul { service_auth_method, task_auth_method } */
  readonly methods: { readonly service: string; readonly task: string };
}

/** A login whose answer nobody waits for leaves a token that nobody knows; a Consul that looks for its leader holds it for seven seconds. */
const LOGIN_WITHIN_MS = 15_000;

interface LoginAnswer {
  readonly AccessorID: string;
  readonly SecretID: string;
  readonly ExpirationTime?: string | null;
}

export function consulTokens({ connection, methods }: ConsulTokensOptions): TokenExchange {
  return {
    async exchange({ jwt, kind, description }) {
      const AuthMethod = methods[kind];
      try {
        const token = await connection.direct<LoginAnswer>("POST", "/acl/login", {
          body: { AuthMethod, BearerToken: jwt, Meta: description },
          withinMs: LOGIN_WITHIN_MS,
        });
        const expiresAtMs = token.ExpirationTime ? Date.parse(token.ExpirationTime) : null;
        return { AccessorID: token.AccessorID, SecretID: token.SecretID, expiresAtMs };
      } catch (thrown) {
        if (accessIsOpen(thrown)) return noToken();
        throw exchangeError(thrown, AuthMethod, kind);
      }
    },

    async revoke(secret) {
      if (secret === "") return;
      try {
        await connection.direct("POST", "/acl/logout", { token: secret });
      } catch (thrown) {
        const problem = problemOf(thrown);
        // Gone already, or not made by a login: nothing of ours is left.
        if (problem.passes) throw unreachable(problem, "give a Consul token back");
      }
    },

    async known(secret) {
      if (secret === "") return true;
      try {
        await connection.direct("GET", "/acl/token/self", { token: secret });
        return true;
      } catch (thrown) {
        const problem = problemOf(thrown);
        if (problem.passes) throw unreachable(problem, "look a Consul token up");
        return false;
      }
    },
  };
}

/** A Consul without access control (`consul agent -dev`) makes no tokens, and nobody needs one. */
function accessIsOpen(thrown: unknown): boolean {
  return thrown instanceof ConsulProblem && thrown.status === 401 && /ACL support disabled/i.test(thrown.message);
}

/** For so long; then it is asked again whether its access control was turned on. */
const OPEN_MS = 5 * 60_000;

function noToken(): ExchangedToken {
  return { AccessorID: randomUUID(), SecretID: "", expiresAtMs: Date.now() + OPEN_MS };
}

function problemOf(thrown: unknown): ConsulProblem {
  return thrown instanceof ConsulProblem ? thrown : new ConsulProblem(0, String(thrown));
}

function unreachable(problem: ConsulProblem, action: string): NamedError {
  return new NamedError("TOKEN_UNREACHABLE", `Cannot ${action}: ${problem.message}`, {
    statusCode: 503,
    fix: problem.fix ?? "It is tried again until Consul answers.",
  });
}

type Kind = "service" | "task";

/** What Consul 1.21 answers to a login, most of it with status 500. The first that fits; "later": it is tried again. */
const ANSWERS: readonly { readonly says: RegExp; readonly unprepared?: true; readonly fix: "later" | ((kind: Kind) => string) }[] = [
  {
    says: /auth method .* not found/,
    unprepared: true,
    fix: () => "Run `drover setup consul`, or name the method in consul { service_auth_method, task_auth_method }.",
  },
  // It asks the servers for their public keys: they start, or are not reachable from there.
  { says: /fetching keys|get keys failed/i, fix: "later" },
  // By its clock. The identity is renewed.
  { says: /token is expired|not valid yet|issued in the future|\((exp|nbf|iat)\)/i, fix: "later" },
  {
    says: /error validating claims|bound audience|issuer/i,
    fix: () =>
      "Compare BoundAudiences and BoundIssuer of the method with the aud of service_identity or task_identity, and the servers' oidc_issuer.",
  },
  {
    says: /error verifying token|malformed/i,
    fix: () =>
      "The method trusts other keys: let its JWKSURL name /.well-known/jwks.json of these servers (`drover setup consul -jwks-url`).",
  },
  {
    says: /Permission denied/i,
    unprepared: true,
    fix: (kind) =>
      kind === "service"
        ? 'Its binding rules give this identity nothing: one of type service with selector "nomad_service" in value is needed (`drover setup consul`).'
        : "Its binding rules give this identity no role that is there: role nomad-tasks-<namespace> is needed (`drover setup consul`).",
  },
];

function exchangeError(thrown: unknown, method: string, kind: Kind): NamedError {
  const problem = problemOf(thrown);
  const action = `log a ${kind} in to Consul by auth method "${method}"`;
  const answer = problem.status === 0 ? undefined : ANSWERS.find(({ says }) => says.test(problem.message));
  const fix = problem.status === 0 ? "later" : answer?.fix;
  if (fix === "later" || (fix === undefined && problem.passes)) return unreachable(problem, action);
  return new NamedError(answer?.unprepared === true ? "TOKEN_UNPREPARED" : "TOKEN_REFUSED", `Cannot ${action}: ${problem.message}`, {
    statusCode: 403,
    fix: fix?.(kind) ?? problem.fix ?? "Look at the method with `consul acl auth-method read`.",
  });
}
