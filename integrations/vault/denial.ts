/** Why Vault refuses: asked with the same token, as far as that may ask about itself, and told with the line of policy that lacks. */
import { NamedError } from "#std";
import type { VaultConnection } from "./connection.ts";
import { problemOf, type VaultProblem } from "./problem.ts";

/** One of them is enough, but for writing, which takes the first for what is not there yet, and the second for what is. */
export type Capability = "read" | "list" | "create" | "update";

export interface DeniedRequest {
  /** "read", "list", "write to", "issue a certificate at" */
  readonly action: string;
  /** As it was sent, without its query. */
  readonly path: string;
  readonly needs: readonly Capability[];
  /** Where it would lie in a KV of version 2, if it is one: this token is not told. */
  readonly versionedPath?: string | undefined;
  readonly token: string;
  readonly namespace: string;
}

interface Self {
  readonly data?: { readonly policies?: readonly string[]; readonly meta?: Readonly<Record<string, string>> | null };
}

/** THING_DENIED; THING_TOKEN_UNKNOWN when it is the token that is not known; THING_UNREACHABLE when Vault goes away meanwhile. */
export async function denied(connection: VaultConnection, problem: VaultProblem, request: DeniedRequest): Promise<NamedError> {
  const { token, namespace, path, needs, action } = request;
  const where = `${JSON.stringify(path)}${namespace === "" ? "" : ` (namespace ${JSON.stringify(namespace)})`}`;
  if (token === "") {
    return new NamedError("THING_DENIED", `Cannot ${action} ${where} in Vault: the task has no token of Vault's`, {
      statusCode: 403,
      fix: "Give the task, its group or its job a vault { } block.",
    });
  }
  let self: Self["data"];
  try {
    self = (await connection.ask<Self>((vault, requestOptions) => vault.tokenLookupSelf({ requestOptions }), { token, namespace })).data;
  } catch (thrown) {
    const why = problemOf(thrown);
    if (why.passes) return thingUnreachable(why, action, where);
    // It may not look itself up (no default policy): the first refusal tells whether it is known.
    if (!why.deniedByPolicy && !problem.deniedByPolicy) return tokenUnknown(action, where);
  }
  const rule = (at: string): string =>
    `path ${JSON.stringify(at)} { capabilities = [${needs.map((each) => JSON.stringify(each)).join(", ")}] }`;
  const { versionedPath } = request;
  const rules =
    versionedPath === undefined ? rule(path) : `${rule(versionedPath)}, or where that is no KV engine of version 2: ${rule(path)}`;
  const policies = self?.policies ?? [];
  const role = self?.meta?.["role"];
  const of = role === undefined ? "" : ` of role ${JSON.stringify(role)}`;
  const held = await capabilities(connection, request);
  const enough = needs.some((each) => held.includes(each)) || held.includes("root");
  const named = policies.length === 0 ? "the token's policies" : `policies ${policies.join(", ")}${of}`;
  const lack = needs.map((each) => JSON.stringify(each)).join(" or ");
  const why = enough
    ? `${named} allow it only with other parameters`
    : held.includes("deny") && held.length > 1
      ? `${named} deny it`
      : `${named} lack ${lack} on it`;
  const own = policies.filter((each) => each !== "default");
  return new NamedError("THING_DENIED", `Cannot ${action} ${where} in Vault: permission denied: ${why}`, {
    statusCode: 403,
    fix: `Write into ${own.length === 0 ? "a policy of the token's role" : `policy ${own.at(-1)}`}: ${rules}`,
  });
}

/** What the token may do there; none: it may not ask. */
async function capabilities(connection: VaultConnection, { token, namespace, path }: DeniedRequest): Promise<readonly string[]> {
  try {
    const { data } = await connection.ask<{ data?: Readonly<Record<string, readonly string[]>> }>(
      (vault, options) => vault.write("sys/capabilities-self", { paths: [path] }, options),
      { token, namespace },
    );
    return data?.[path] ?? [];
  } catch {
    return [];
  }
}

export function thingUnreachable(problem: VaultProblem, action: string, where: string): NamedError {
  return new NamedError(
    "THING_UNREACHABLE",
    `Cannot ${action} ${where} in Vault: ${problem.isSealed ? "Vault is sealed" : problem.message}`,
    {
      statusCode: 503,
      fix: problem.fix ?? (problem.isSealed ? "Unseal it; it is tried again until then." : "It is tried again until Vault answers."),
    },
  );
}

function tokenUnknown(action: string, where: string): NamedError {
  return new NamedError("THING_TOKEN_UNKNOWN", `Cannot ${action} ${where} in Vault: the task's token is not known there (any more)`, {
    statusCode: 403,
    fix: "It was revoked, or has ended: another is asked for.",
  });
}
