/**
 * What Vault needs so that tasks log in to it with their identities: an auth method that trusts the servers' keys, a role, a policy that
 * gives each job its own secrets, and a KV engine to keep them in. Wanted is a list; `checkVault` says what differs, `setUpVault` makes it
 * true, `tearDownVault` takes away what was made. nomad.md §4.3 `setup vault`.
 *
 * Other than what `nomad setup vault` makes: tasks are told apart by the identity's subject, not by the job's name alone. Policies are
 * filled in with what the last login of the same name said, so that jobs of one name in two namespaces would be given each other's secrets
 * (measured with OpenBao 2.7.2). And only names of the own namespace can be listed.
 *
 * What somebody else made under the same name, and otherwise, is never changed. Secrets are never removed.
 */
import { isDeepStrictEqual } from "node:util";
import { NamedError } from "#std";
import type { RequestOptions, VaultAddress, VaultConnection } from "./connection.ts";
import { problemOf, type VaultProblem } from "./problem.ts";

export interface VaultSetup {
  /** A secret: may write auth methods, policies, mounts. */
  readonly token: string;
  /** Where Vault fetches the servers' keys: http://…:4646/.well-known/jwks.json */
  readonly jwksUrl: string;
  /** PEM of who signed that URL's certificate; "": Vault's own roots. */
  readonly jwksCa: string;
  /** The KV engine whose secrets jobs read: "secret". */
  readonly kvPath: string;
}

export const VAULT_AUTH_PATH = "jwt-nomad";
export const VAULT_AUDIENCE = "vault.io";
const NAME = "nomad-workloads";
const MARK = "Made by drover setup vault";

type Kind = "auth-method" | "auth-config" | "policy" | "role" | "kv-engine";

export interface VaultSetupStep {
  readonly what: "made" | "changed" | "kept" | "removed";
  readonly kind: Kind;
  readonly name: string;
  /** Of what is changed: which fields say something else. */
  readonly differs: readonly string[];
}

interface Found {
  /** auth-method, kv-engine: what `sys/auth`, `sys/mounts` say. */
  readonly method: { readonly type: string; readonly accessor: string; readonly description: string } | undefined;
  readonly engine: { readonly type: string; readonly isVersioned: boolean } | undefined;
  readonly config: Readonly<Record<string, unknown>> | undefined;
  readonly role: Readonly<Record<string, unknown>> | undefined;
  readonly policy: string | undefined;
}

/** What would be done, and nothing is. Rejects as setUpVault does. */
export async function checkVault(connection: VaultConnection, setup: VaultSetup): Promise<readonly VaultSetupStep[]> {
  checkPath(setup.kvPath);
  return planOf(await look(connection, setup), setup);
}

/**
 * Idempotent. Rejects with NamedError VAULT_SETUP_OCCUPIED (something of that name is there and says something else), VAULT_SETUP_PATH_INVALID
 * (`kvPath`, before anything is asked), VAULT_SETUP_FAILED.
 * Nothing is changed when anything is occupied, nor when Vault cannot fetch the keys.
 */
export async function setUpVault(connection: VaultConnection, setup: VaultSetup): Promise<readonly VaultSetupStep[]> {
  checkPath(setup.kvPath);
  const found = await look(connection, setup);
  const plan = planOf(found, setup);
  const write = writer(connection, setup.token);
  const todo = new Set(plan.filter((step) => step.what !== "kept").map((step) => step.kind));

  if (todo.has("auth-method"))
    await write(`sys/auth/${VAULT_AUTH_PATH}`, { type: "jwt", description: `Login of Nomad workloads. ${MARK}.` });
  if (todo.has("auth-config")) {
    try {
      await write(`auth/${VAULT_AUTH_PATH}/config`, wantedConfig(setup));
    } catch (thrown) {
      // Vault asks for the keys at once: when it cannot, nothing is half made.
      if (todo.has("auth-method")) await remove(connection, setup.token, `sys/auth/${VAULT_AUTH_PATH}`);
      throw thrown;
    }
  }
  if (todo.has("kv-engine")) {
    await write(`sys/mounts/${setup.kvPath}`, { type: "kv", options: { version: "2" }, description: `Secrets of jobs. ${MARK}.` });
  }
  if (todo.has("policy")) {
    const { method, engine } = await look(connection, setup);
    if (method === undefined)
      throw new NamedError(
        "VAULT_SETUP_FAILED",
        `Cannot read auth method "${VAULT_AUTH_PATH}" at Vault (${connection.address}): it is gone again`,
        UNKNOWN,
      );
    await write(`sys/policies/acl/${NAME}`, { policy: wantedPolicy(method.accessor, setup.kvPath, engine?.isVersioned ?? true) });
  }
  if (todo.has("role")) await write(`auth/${VAULT_AUTH_PATH}/role/${NAME}`, WANTED_ROLE);
  return plan;
}

/** Method (tokens end with it), role and policy, when they were made here. Each that is gone already is passed over. The secrets stay. */
export async function tearDownVault(connection: VaultConnection, token: string): Promise<readonly VaultSetupStep[]> {
  const { method, policy } = await look(connection, { token, kvPath: "" });
  const steps: VaultSetupStep[] = [];
  const removed = (kind: Kind, name: string) => steps.push({ what: "removed", kind, name, differs: [] });
  if (method?.description.includes(MARK) === true) {
    await remove(connection, token, `sys/auth/${VAULT_AUTH_PATH}`);
    removed("role", NAME);
    removed("auth-method", VAULT_AUTH_PATH);
  }
  if (policy?.includes(MARK) === true) {
    await remove(connection, token, `sys/policies/acl/${NAME}`);
    removed("policy", NAME);
  }
  return steps;
}

/** vault { … } of every agent's configuration, to reach Vault the way it was reached here. */
export function vaultSnippet(address: string, { tls, namespace }: Pick<VaultAddress, "tls" | "namespace">): string {
  const given = Object.entries({
    namespace,
    ca_file: tls.caFile,
    ca_path: tls.caPath,
    cert_file: tls.certFile,
    key_file: tls.keyFile,
    tls_server_name: tls.serverName,
  }).filter(([, value]) => value !== "");
  const more = [
    ...given.map(([key, value]) => `  ${key} = ${JSON.stringify(value)}\n`),
    ...(tls.verify ? [] : ["  tls_skip_verify = true\n"]),
  ];
  return `vault {
  enabled = true
  address = ${JSON.stringify(address)}
${more.length === 0 ? "" : `\n${more.join("")}`}
  jwt_auth_backend_path = "${VAULT_AUTH_PATH}"

  default_identity {
    aud = ["${VAULT_AUDIENCE}"]
    ttl = "1h"
  }
}
`;
}

/** It stands in URLs, and in the quotes of a policy, where *, + and {{ mean something. */
function checkPath(kvPath: string): void {
  if (kvPath.split("/").every((part) => /^[\p{L}\p{N}_.~-]+$/u.test(part) && !/^\.+$/.test(part))) return;
  throw new NamedError(
    "VAULT_SETUP_PATH_INVALID",
    `Cannot set up Vault: the path of the KV engine is ${JSON.stringify(kvPath)}, must be names with / between them`,
    { statusCode: 400, fix: 'Name it by -kv-path: "secret", or "team/secrets".' },
  );
}

/** Pure. In the order it is made. */
function planOf(found: Found, setup: VaultSetup): readonly VaultSetupStep[] {
  const { method, engine, config, role, policy } = found;
  const isOurs = method === undefined || method.description.includes(MARK);
  if (method !== undefined && method.type !== "jwt") throw occupied("auth-method", VAULT_AUTH_PATH, `it is of type "${method.type}"`);
  if (engine !== undefined && engine.type !== "kv")
    throw occupied("kv-engine", setup.kvPath, `it is of type "${engine.type}"`, "Name another by -kv-path.");
  const step = (kind: Kind, name: string, isThere: boolean, differs: readonly string[], mayChange: boolean): VaultSetupStep => {
    if (isThere && differs.length > 0 && !mayChange)
      throw occupied(kind, name, `${differs.join(", ")} ${differs.length === 1 ? "is" : "are"} otherwise`);
    return { what: !isThere ? "made" : differs.length > 0 ? "changed" : "kept", kind, name, differs: isThere ? differs : [] };
  };
  const wanted = method === undefined ? undefined : wantedPolicy(method.accessor, setup.kvPath, engine?.isVersioned ?? true);
  const policySays = policy === undefined || (wanted !== undefined && rulesOf(policy) === rulesOf(wanted)) ? [] : ["policy"];
  const isConfigured = KEY_SOURCES.some((key) => ((config?.[key] as { length?: number } | null | undefined)?.length ?? 0) > 0);
  return [
    step("auth-method", VAULT_AUTH_PATH, method !== undefined, [], isOurs),
    step("auth-config", VAULT_AUTH_PATH, isConfigured, differing(config ?? {}, wantedConfig(setup)), isOurs),
    step("kv-engine", setup.kvPath, engine !== undefined, [], true),
    step("policy", NAME, policy !== undefined, policySays, policy?.includes(MARK) === true),
    step("role", NAME, role !== undefined, differing(role ?? {}, WANTED_ROLE), isOurs),
  ];
}

/** Of which an auth method has one, once it is configured. */
const KEY_SOURCES = ["jwks_url", "oidc_discovery_url", "jwt_validation_pubkeys"];

function wantedConfig({ jwksUrl, jwksCa }: VaultSetup): Readonly<Record<string, unknown>> {
  return { jwks_url: jwksUrl, jwks_ca_pem: jwksCa, jwt_supported_algs: ["RS256", "EdDSA"], default_role: NAME };
}

/** Claims that policies may name, and that a token's `meta` shows: whose it is. */
const MAPPED_CLAIMS = ["nomad_namespace", "nomad_job_id", "nomad_task", "nomad_allocation_id"];

const WANTED_ROLE: Readonly<Record<string, unknown>> = {
  role_type: "jwt",
  bound_audiences: [VAULT_AUDIENCE],
  // <region>:<namespace>:<job>:<group>:<task>:<identity>
  user_claim: "/sub",
  user_claim_json_pointer: true,
  claim_mappings: Object.fromEntries(MAPPED_CLAIMS.map((claim) => [claim, claim])),
  token_type: "service",
  token_policies: [NAME],
  // 30 min; renewed for as long as the task lives, without an end (token_explicit_max_ttl).
  token_period: 1800,
  token_explicit_max_ttl: 0,
  // Seconds by which the clocks of the servers and of Vault may differ.
  clock_skew_leeway: 120,
  not_before_leeway: 150,
  expiration_leeway: 150,
};

/** Each job's own: secret/<namespace>/<job> and below. */
function wantedPolicy(accessor: string, kvPath: string, isVersioned: boolean): string {
  const claim = (name: string): string => `{{identity.entity.aliases.${accessor}.metadata.${name}}}`;
  const namespace = claim("nomad_namespace");
  const job = `${namespace}/${claim("nomad_job_id")}`;
  const [data, names] = isVersioned ? [`${kvPath}/data`, `${kvPath}/metadata`] : [kvPath, kvPath];
  const rule = (path: string, capability: string): string => `path "${path}" {\n  capabilities = ["${capability}"]\n}\n`;
  const rules = [rule(`${data}/${job}/*`, "read"), rule(`${data}/${job}`, "read"), rule(`${names}/${namespace}/*`, "list")];
  // On a KV of version 1 reading and listing are one path, and the longest that fits decides.
  const versionOne = [
    rule(`${kvPath}/${job}/*`, 'read", "list'),
    rule(`${kvPath}/${job}`, 'read", "list'),
    rule(`${kvPath}/${namespace}/*`, "list"),
  ];
  return `# ${MARK}: each job reads ${kvPath}/<its namespace>/<its name> and below.\n\n${(isVersioned ? rules : versionOne).join("\n")}`;
}

/** Without remarks and layout. */
const rulesOf = (policy: string): string =>
  policy
    .replaceAll(/^\s*#.*$/gm, "")
    .replaceAll(/\s+/g, " ")
    .trim();

/** What is there may say more (defaults), never something else. */
function differing(found: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, unknown>>): readonly string[] {
  const plain = (value: unknown): unknown => (typeof value === "string" ? value.trim() : value);
  return Object.keys(wanted).filter((key) => !isDeepStrictEqual(plain(found[key]), plain(wanted[key])));
}

async function look(connection: VaultConnection, { token, kvPath }: Pick<VaultSetup, "token" | "kvPath">): Promise<Found> {
  interface Mounted {
    readonly type: string;
    readonly accessor: string;
    readonly description?: string;
    readonly options?: { readonly version?: string } | null;
  }
  type Listed = Readonly<Record<string, Mounted>> & { readonly data?: Readonly<Record<string, Mounted>> };
  const read = async <T>(path: string): Promise<T | undefined> => {
    try {
      return (await connection.ask<{ data?: T }>((vault, options) => vault.read(path, options), { token })).data;
    } catch (thrown) {
      const problem = problemOf(thrown);
      if (problem.status === 404) return undefined;
      throw failed(connection, `read ${path}`, problem);
    }
  };
  const methods = await read<Listed>("sys/auth");
  const mounts = kvPath === "" ? undefined : await read<Listed>("sys/mounts");
  const method = methods?.[`${VAULT_AUTH_PATH}/`];
  const engine = mounts?.[`${kvPath}/`];
  const config = method === undefined ? undefined : await read<Record<string, unknown>>(`auth/${VAULT_AUTH_PATH}/config`);
  const role = method === undefined ? undefined : await read<Record<string, unknown>>(`auth/${VAULT_AUTH_PATH}/role/${NAME}`);
  const policy = await read<{ policy?: string }>(`sys/policies/acl/${NAME}`);
  return {
    method: method === undefined ? undefined : { type: method.type, accessor: method.accessor, description: method.description ?? "" },
    engine: engine === undefined ? undefined : { type: engine.type, isVersioned: engine.options?.version === "2" },
    config,
    role,
    policy: policy?.policy,
  };
}

function writer(connection: VaultConnection, token: string) {
  return async (path: string, body: unknown): Promise<void> => {
    try {
      await connection.ask((vault, options: RequestOptions) => vault.write(path, body, options), { token });
    } catch (thrown) {
      throw failed(connection, `write ${path}`, problemOf(thrown));
    }
  };
}

async function remove(connection: VaultConnection, token: string, path: string): Promise<void> {
  try {
    await connection.ask((vault, options) => vault.delete(path, options), { token });
  } catch (thrown) {
    const problem = problemOf(thrown);
    if (problem.status !== 404) throw failed(connection, `remove ${path}`, problem);
  }
}

function occupied(
  kind: Kind,
  name: string,
  why: string,
  fix = "Nothing was changed. Remove it, or change it by hand and leave this command out.",
): NamedError {
  return new NamedError("VAULT_SETUP_OCCUPIED", `Cannot set up Vault: ${kind} "${name}" is there already, made by somebody else: ${why}`, {
    statusCode: 409,
    fix,
  });
}

const AWAY = { fix: "Start Vault, or set VAULT_ADDR to where it is." };
const UNKNOWN = { fix: "The message is Vault's own; correct what it names, and run the command again." };
const FIXES: readonly { readonly says: RegExp; readonly fix: string }[] = [
  {
    says: /error checking jwks|fetching keys|error checking JWKSURL/i,
    fix: "Vault asks a server for its keys at once: start the agent first, and give its address as Vault reaches it by -jwks-url (and -jwks-ca-file).",
  },
  {
    says: /permission denied|missing client token|invalid token/i,
    fix: "Set VAULT_TOKEN to a token that may write auth methods, policies and mounts.",
  },
  { says: /sealed/i, fix: "Unseal Vault first." },
];

function failed(connection: VaultConnection, action: string, problem: VaultProblem): NamedError {
  return new NamedError("VAULT_SETUP_FAILED", `Cannot ${action} at Vault (${connection.address}): ${problem.message}`, {
    statusCode: problem.status === 0 ? 503 : problem.status,
    fix: problem.fix ?? (FIXES.find(({ says }) => says.test(problem.message)) ?? (problem.status === 0 ? AWAY : UNKNOWN)).fix,
  });
}
