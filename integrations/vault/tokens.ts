/**
 * ports/token-exchange by Vault's JWT login: a workload's identity goes in, a token of its role's policies comes out. nomad.md §1.10.
 *
 * Role: claim `vault_role`, else `createFromRole`, else the method's own default. Namespace: claim `vault_namespace`, else the
 * connection's; what is done with the token afterwards finds its namespace by the token itself.
 */
import type { TokenExchange } from "#ports";
import { NamedError } from "#std";
import type { VaultConnection } from "./connection.ts";
import { readClaims, skewText, type IdentityClaims } from "./identity.ts";
import { VaultProblem, problemOf } from "./problem.ts";

export interface VaultTokensOptions {
  readonly connection: VaultConnection;
  /** vault { jwt_auth_backend_path }: "jwt-nomad" */
  readonly authPath: string;
  /** vault { create_from_role }; "": the method's default. */
  readonly createFromRole: string;
}

interface AuthAnswer {
  readonly auth?: {
    readonly accessor?: string;
    readonly client_token?: string;
    readonly lease_duration?: number;
    readonly renewable?: boolean;
  };
}

export function vaultTokens({ connection, authPath, createFromRole }: VaultTokensOptions): TokenExchange {
  const path = authPath.replaceAll(/^\/+|\/+$/g, "");
  return {
    system: "Vault",

    async exchange({ jwt }) {
      const claims = readClaims(jwt);
      const login: Login = { path, role: claims.role || createFromRole, namespace: claims.namespace || connection.namespace };
      try {
        const { auth } = await connection.ask<AuthAnswer>(
          (vault, options) => vault.write(`auth/${path}/login`, { jwt, ...(login.role === "" ? {} : { role: login.role }) }, options),
          { namespace: login.namespace },
        );
        // Empty where a second factor is asked for, which no workload has.
        if (auth?.client_token === undefined || auth.client_token === "") throw new VaultProblem(403, "no token came of it");
        return { AccessorID: auth.accessor ?? "", SecretID: auth.client_token, ...lifeOf(auth) };
      } catch (thrown) {
        throw exchangeError(problemOf(thrown), login, claims);
      }
    },

    async renew(secret) {
      try {
        const { auth } = await connection.ask<AuthAnswer>((vault, requestOptions) => vault.tokenRenewSelf({ requestOptions }), {
          token: secret,
        });
        const { expiresAtMs, renewable } = lifeOf(auth ?? {});
        return { expiresAtMs, renewable };
      } catch (thrown) {
        const problem = problemOf(thrown);
        if (problem.passes) throw unreachable(problem, "renew a Vault token");
        throw new NamedError("TOKEN_REFUSED", `Cannot renew a Vault token: ${problem.message}`, {
          statusCode: 403,
          fix: "It has ended, or may live no longer: a new one is asked for.",
        });
      }
    },

    async revoke(secret) {
      if (secret === "") return;
      try {
        // Not the package's tokenRevokeSelf: that one sends its options, with the token, as the body.
        await connection.ask((vault, options) => vault.write("auth/token/revoke-self", {}, options), { token: secret });
      } catch (thrown) {
        const problem = problemOf(thrown);
        // Gone already, or not allowed to end itself: it ends by its period then.
        if (problem.passes) throw unreachable(problem, "give a Vault token back");
      }
    },

    async known(secret) {
      if (secret === "") return false;
      try {
        await connection.ask((vault, requestOptions) => vault.tokenLookupSelf({ requestOptions }), { token: secret });
        return true;
      } catch (thrown) {
        const problem = problemOf(thrown);
        if (problem.passes) throw unreachable(problem, "look a Vault token up");
        return problem.deniedByPolicy;
      }
    },
  };
}

/** A lease of 0 is a token that does not end: root's, which no login gives. */
function lifeOf({ lease_duration = 0, renewable = false }: NonNullable<AuthAnswer["auth"]>): {
  expiresAtMs: number | null;
  renewable: boolean;
} {
  return { expiresAtMs: lease_duration > 0 ? Date.now() + lease_duration * 1000 : null, renewable };
}

interface Login {
  readonly path: string;
  readonly role: string;
  readonly namespace: string;
}

function unreachable(problem: VaultProblem, action: string, fix?: string): NamedError {
  return new NamedError("TOKEN_UNREACHABLE", `Cannot ${action}: ${problem.isSealed ? "Vault is sealed" : problem.message}`, {
    statusCode: 503,
    fix: fix ?? problem.fix ?? (problem.isSealed ? "Unseal it; it is tried again until then." : "It is tried again until Vault answers."),
  });
}

interface Answer {
  readonly says: RegExp;
  /** later: it is tried again as it is; unprepared: an operator makes what lacks; refused: somebody changes the configuration. */
  readonly means: "later" | "unprepared" | "refused";
  readonly fix: (login: Login, claims: IdentityClaims) => string;
}

const quoted = (text: string): string => JSON.stringify(text);
const roleOf = ({ role }: Login): string => (role === "" ? "its default role" : `role ${quoted(role)}`);

/** What Vault 1.x and OpenBao 2.x answer to a login, most of it with status 400. The first that fits. */
const ANSWERS: readonly Answer[] = [
  {
    says: /^missing role$/,
    means: "unprepared",
    fix: ({ path }) =>
      `Auth method ${quoted(path)} has no default role: set one (default_role), or name one in vault { create_from_role } or the task's vault { role }; \`drover setup vault\` does the former.`,
  },
  {
    says: /role ".*" could not be found|role with .* not found/,
    means: "unprepared",
    fix: (login) =>
      `Make ${roleOf(login)} (vault write auth/${login.path}/role/${login.role} …), or name one that is there in the task's vault { role } or in vault { create_from_role }; \`drover setup vault\` makes "nomad-workloads".`,
  },
  // No method there is answered as a method that gives nothing.
  {
    says: /^permission denied$|no handler for route|could not load configuration/,
    means: "unprepared",
    fix: ({ path, namespace }) =>
      `There is no configured auth method at ${quoted(path)}${namespace === "" ? "" : ` in namespace ${quoted(namespace)}`}: run \`drover setup vault\`, or name it in vault { jwt_auth_backend_path }.`,
  },
  {
    says: /namespace not found|no such namespace/i,
    means: "unprepared",
    fix: ({ namespace }) => `Make namespace ${quoted(namespace)}, or name another.`,
  },
  // It asks the servers for their public keys: they start, or are not reachable from there.
  {
    says: /fetching keys|get keys failed|keyset failed/i,
    means: "later",
    fix: ({ path }) =>
      `Vault cannot fetch the servers' public keys: let jwks_url of auth/${path}/config name /.well-known/jwks.json of a server as Vault reaches it (\`drover setup vault -jwks-url\`).`,
  },
  // By its clock. The identity is renewed, and small differences pass.
  {
    says: /token is expired|token not yet valid|issued in the future|\((exp|nbf|iat)\) claim/i,
    means: "later",
    fix: () => "Set the clocks (NTP); the role tolerates what its clock_skew_leeway, not_before_leeway and expiration_leeway say.",
  },
  {
    says: /audience claim|\(aud\)/i,
    means: "refused",
    fix: (login, { audience }) =>
      `The identity is for ${audience.map(quoted).join(", ") || "nobody"}: let bound_audiences of ${roleOf(login)} and the aud of vault { default_identity }, or of the task's identity, name the same.`,
  },
  {
    says: /error validating claims|does not match any associated bound claim|claim "?.*"? (is missing|not found)|issuer|subject claim/i,
    means: "refused",
    fix: (login) =>
      `Compare bound_claims, bound_subject and user_claim of ${roleOf(login)} at auth/${login.path}, and its bound_issuer, with this identity.`,
  },
  {
    says: /error verifying token|failed to verify|no known key|malformed|unsupported/i,
    means: "refused",
    fix: ({ path }) =>
      `Method ${quoted(path)} trusts other keys: let its jwks_url name /.well-known/jwks.json of these servers, and jwt_supported_algs RS256 and EdDSA (\`drover setup vault -jwks-url\`).`,
  },
];

const CODES = { later: "TOKEN_UNREACHABLE", unprepared: "TOKEN_UNPREPARED", refused: "TOKEN_REFUSED" } as const;

function exchangeError(problem: VaultProblem, login: Login, claims: IdentityClaims): NamedError {
  const action = `log a task in to Vault at auth/${login.path}${login.role === "" ? "" : ` as role ${quoted(login.role)}`}`;
  const answer = problem.status === 0 ? undefined : ANSWERS.find(({ says }) => says.test(problem.message));
  if (answer === undefined && problem.passes) return unreachable(problem, action);
  const means = answer?.means ?? "refused";
  const skew = means === "later" ? skewText(claims, problem.serverTimeMs, Date.now()) : "";
  return new NamedError(CODES[means], `Cannot ${action}: ${problem.message}${skew === "" ? "" : ` (${skew})`}`, {
    statusCode: means === "later" ? 503 : 403,
    fix: answer?.fix(login, claims) ?? problem.fix ?? `Look at the role with \`vault read auth/${login.path}/role/${login.role}\`.`,
  });
}
