/** ports/token-exchange by Consul's JWT login: a workload's identity goes in, an ACL token of exactly its rights comes out. */
import type { TokenExchange } from "#ports";
import { NamedError } from "#std";
import type { ConsulConnection } from "./connection.ts";
import { ConsulProblem } from "./problem.ts";

export interface ConsulTokensOptions {
  readonly connection: ConsulConnection;
  /** consul { service_auth_method, task_auth_method } */
  readonly methods: { readonly service: string; readonly task: string };
}

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
        });
        const expiresAtMs = token.ExpirationTime ? Date.parse(token.ExpirationTime) : null;
        return { AccessorID: token.AccessorID, SecretID: token.SecretID, expiresAtMs };
      } catch (thrown) {
        throw exchangeError(thrown, AuthMethod, kind);
      }
    },

    async revoke(secret) {
      try {
        await connection.direct("POST", "/acl/logout", { token: secret });
      } catch (thrown) {
        const problem = problemOf(thrown);
        // Gone already, or not made by a login: nothing of ours is left.
        if (problem.passes) throw unreachable(problem, "give a Consul token back");
      }
    },

    async known(secret) {
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

function problemOf(thrown: unknown): ConsulProblem {
  return thrown instanceof ConsulProblem ? thrown : new ConsulProblem(0, String(thrown));
}

function unreachable(problem: ConsulProblem, action: string): NamedError {
  return new NamedError("TOKEN_UNREACHABLE", `Cannot ${action}: ${problem.message}`, {
    statusCode: 503,
    fix: "It is tried again until Consul answers.",
  });
}

/** The answers a login of Consul 1.21 gives; each names what would have to change. */
function exchangeError(thrown: unknown, method: string, kind: "service" | "task"): NamedError {
  const problem = problemOf(thrown);
  const action = `Cannot log a ${kind} in to Consul by auth method "${method}"`;
  const refused = (why: string, fix: string) => new NamedError("TOKEN_REFUSED", `${action}: ${why}`, { statusCode: 403, fix });
  const text = problem.message;
  if (/auth method .* not found/.test(text)) {
    return refused("Consul has no such method", "Run `drover setup consul`, or name the method in consul { service_auth_method, task_auth_method }.");
  }
  // Consul could not fetch our public keys: the agent starts, or is not reachable from there.
  if (/fetching keys|error fetching|jwks/i.test(text)) {
    return unreachable(new ConsulProblem(0, `${text} (does Consul reach the method's JWKSURL?)`), `log a ${kind} in by auth method "${method}"`);
  }
  if (problem.passes) return unreachable(problem, `log a ${kind} in by auth method "${method}"`);
  if (problem.status === 401) {
    return refused("its ACLs are off", "Leave service_identity and task_identity out of consul { … }, or turn Consul's ACLs on.");
  }
  if (/Permission denied/i.test(text)) {
    return refused(
      text,
      kind === "service"
        ? 'Its binding rules give this identity nothing: add one of type service with selector "nomad_service" in value (`drover setup consul`).'
        : "Its binding rules give this identity no role that there is: make role nomad-tasks-<namespace> (`drover setup consul`).",
    );
  }
  return refused(text, "Compare the method's BoundAudiences, BoundIssuer and JWKSURL with the identity block's aud and the servers' keys.");
}
