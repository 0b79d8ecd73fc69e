/**
 * What templates look at, all real: Consul with its ACLs on, an OpenBao that keeps its data, a PostgreSQL whose logins OpenBao makes, and one
 * agent that trades its tasks' identities for tokens of both. Prepared as an operator does it, by `setup consul` and `setup vault`.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_RULES } from "#integrations/consul";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { startOpenBao, type RealOpenBao } from "./parts/openbao.ts";
import { startPostgres, type RealPostgres } from "./parts/postgres.ts";
import type { PartOwner } from "./parts/process.ts";
import { eventually, REPOSITORY, run, startRealAgent, temporaryDirectory, type RealAgent } from "./real-agent.ts";

export interface TaskState {
  readonly Restarts: number;
  readonly State: string;
  readonly StartedAt: string | null;
  readonly Events: readonly { readonly Type: string; readonly DisplayMessage: string }[];
}

export interface Allocation {
  readonly ID: string;
  readonly JobID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly TaskStates: Readonly<Record<string, TaskState>> | null;
}

/** Everything of theirs that a workload may leave behind. */
export interface Remains {
  readonly leases: number;
  readonly vaultTokens: number;
  readonly entities: number;
  readonly consulTokens: number;
  readonly logins: number;
}

export interface SecretsWorldOptions {
  readonly database?: boolean;
  /** How long a login lives unless renewed, and at most. */
  readonly loginTtl?: readonly [string, string];
  /** More of the agent's `vault` block. */
  readonly vault?: string;
}

const ROLE = "nomad-workloads";

export class SecretsWorld {
  readonly consul: RealConsul;
  readonly bao: RealOpenBao;
  readonly database: RealPostgres | undefined;
  readonly agent: RealAgent;
  readonly #shifted: string;

  constructor(consul: RealConsul, bao: RealOpenBao, database: RealPostgres | undefined, agent: RealAgent, shifted: string) {
    this.consul = consul;
    this.bao = bao;
    this.database = database;
    this.agent = agent;
    this.#shifted = shifted;
  }

  async setKey(name: string, value: string): Promise<void> {
    await this.consul.put(`/v1/kv/${name}`, value);
  }

  /** Of the KV engine every job reads its own corner of: `<job>[/<more>]`. */
  async setSecret(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    await this.bao.put(`/v1/secret/data/default/${name}`, { data });
  }

  async setVariable(path: string, Items: Readonly<Record<string, string>>): Promise<void> {
    const answer = await this.agent.request(`/v1/var/${path}`, { method: "PUT", body: JSON.stringify({ Path: path, Items }) });
    assert.equal(answer.status, 200, await answer.text());
  }

  async submit(Job: object): Promise<void> {
    const answer = await this.agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
    assert.equal(answer.status, 200, await answer.text());
  }

  /** Job text in HCL, as people write it. */
  async runText(text: string): Promise<void> {
    const result = await run(process.execPath, [join(REPOSITORY, "src/main.ts"), "job", "run", "-detach", "-"], {
      env: { PATH: process.env["PATH"], NOMAD_ADDR: this.agent.address },
      input: text,
    });
    assert.equal(result.code, 0, result.stdout + result.stderr);
  }

  async stop(job: string, purge = false): Promise<void> {
    const answer = await this.agent.request(`/v1/job/${job}${purge ? "?purge=true" : ""}`, { method: "DELETE" });
    assert.equal(answer.status, 200, await answer.text());
  }

  async allocations(job: string): Promise<readonly Allocation[]> {
    const answer = await this.agent.request("/v1/allocations", { signal: AbortSignal.timeout(10_000) });
    assert.equal(answer.status, 200);
    return ((await answer.json()) as Allocation[]).filter((each) => each.JobID === job);
  }

  async living(job: string): Promise<Allocation | undefined> {
    return (await this.allocations(job)).find((each) => each.DesiredStatus === "run" && each.ClientStatus === "running");
  }

  async task(job: string, task: string): Promise<TaskState> {
    const found = (await this.living(job))?.TaskStates?.[task];
    assert.ok(found !== undefined, `${job} does not run`);
    return found;
  }

  /** What lies below the allocation's directory; undefined: nothing does. */
  file(allocation: Pick<Allocation, "ID">, ...path: readonly string[]): string | undefined {
    try {
      return readFileSync(join(this.directory(allocation), ...path), "utf8");
    } catch {
      return undefined;
    }
  }

  directory(allocation: Pick<Allocation, "ID">): string {
    return join(this.agent.dataDirectory, "alloc", allocation.ID);
  }

  async why(job: string): Promise<string> {
    const { stdout, stderr } = await this.agent.cli("job", "why", job);
    return stdout + stderr;
  }

  /** The agent again, its clock so many seconds off everybody else's. */
  async restartAgent(offSeconds = 0): Promise<void> {
    writeFileSync(this.#shifted, shiftedClock(offSeconds * 1000));
    await this.agent.restart(offSeconds === 0 ? {} : { NODE_OPTIONS: `--import=${this.#shifted}` });
  }

  async remains(): Promise<Remains> {
    const { bao, consul, database } = this;
    const list = async (path: string): Promise<readonly string[]> => {
      const answer = await bao.api(`/v1/${path}?list=true`);
      if (answer.status === 404) return [];
      assert.equal(answer.status, 200, path);
      return ((await answer.json()) as { data: { keys: string[] } }).data.keys;
    };
    const [leases, vaultTokens, entities] = await Promise.all([
      list("sys/leases/lookup/database/creds/app"),
      list("auth/token/accessors"),
      list("identity/entity/id"),
    ]);
    return {
      leases: leases.length,
      vaultTokens: vaultTokens.length,
      entities: entities.length,
      consulTokens: (await consul.get<unknown[]>("/v1/acl/tokens")).length,
      logins: database === undefined ? 0 : (await database.logins()).length,
    };
  }

  /** Ids of the leases on logins, latest last. */
  async leases(): Promise<readonly string[]> {
    const answer = await this.bao.api("/v1/sys/leases/lookup/database/creds/app?list=true");
    if (answer.status === 404) return [];
    return ((await answer.json()) as { data: { keys: string[] } }).data.keys.map((key) => `database/creds/app/${key}`);
  }

  async revokeLease(id: string): Promise<void> {
    await this.bao.put("/v1/sys/leases/revoke", { lease_id: id });
  }

  async revokeVaultToken(token: string): Promise<void> {
    await this.bao.put("/v1/auth/token/revoke", { token });
  }
}

export async function openSecretsWorld(owner: PartOwner, options: SecretsWorldOptions = {}): Promise<SecretsWorld> {
  const [consul, bao, database] = await Promise.all([
    startConsul({ owner, acl: true }),
    startOpenBao({ owner, persistent: true }),
    options.database === true ? startPostgres({ owner }) : undefined,
  ]);
  const folder = temporaryDirectory("shifted");
  owner.after(async () => folder.remove());
  await consul.put("/v1/acl/policy", { Name: "nomad-agents", Rules: AGENT_RULES });
  const { SecretID } = await consul.put<{ SecretID: string }>("/v1/acl/token", { Policies: [{ Name: "nomad-agents" }] });
  const agent = await startRealAgent({ config: { "10-agent.hcl": configuration(consul, SecretID, bao, options.vault ?? "") } });
  owner.after(() => agent.remove());
  const environment = { PATH: process.env["PATH"], NOMAD_ADDR: agent.address };
  const words = ["-y", `-jwks-url=${agent.address}/.well-known/jwks.json`];
  const setup = async (which: string, env: NodeJS.ProcessEnv): Promise<void> => {
    const result = await run(process.execPath, [join(REPOSITORY, "src/main.ts"), "setup", which, ...words], {
      env: { ...environment, ...env },
    });
    assert.equal(result.code, 0, result.stdout + result.stderr);
  };
  await Promise.all([
    setup("consul", { CONSUL_HTTP_ADDR: consul.httpAddress, CONSUL_HTTP_TOKEN: consul.token ?? "" }),
    setup("vault", { VAULT_ADDR: bao.address, VAULT_TOKEN: bao.token }),
  ]);
  if (database !== undefined) await makeLogins(bao, database, options.loginTtl ?? ["20s", "40s"]);
  return new SecretsWorld(consul, bao, database, agent, join(folder.path, "clock.mjs"));
}

const configuration = (consul: RealConsul, token: string, bao: RealOpenBao, vault: string): string => `
server {
  enabled          = true
  bootstrap_expect = 1
}
client {
  enabled           = true
  cpu_total_compute = 10000
  memory_total_mb   = 10000
  template {
    vault_default_lease_duration = "1s"
  }
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
consul {
  address = "${consul.httpAddress}"
  token   = "${token}"
  service_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
  task_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
}
vault {
  enabled = true
  address = "${bao.address}"
  default_identity {
    aud = ["vault.io"]
    ttl = "1h"
  }
  ${vault}
}
`;

/** The workloads' role may make logins, and give them back as soon as they are replaced. */
async function makeLogins(bao: RealOpenBao, { port, admin }: RealPostgres, [ttl, max]: readonly [string, string]): Promise<void> {
  await bao.put("/v1/sys/mounts/database", { type: "database" });
  await bao.put("/v1/database/config/main", {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: "app",
    connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${port}/postgres?sslmode=disable`,
    username: admin.user,
    password: admin.password,
  });
  await bao.put("/v1/database/roles/app", {
    db_name: "main",
    default_ttl: ttl,
    max_ttl: max,
    creation_statements: [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`],
    revocation_statements: [`DROP ROLE IF EXISTS "{{name}}"`],
  });
  const rules = `path "database/creds/app" { capabilities = ["read"] }\npath "sys/leases/revoke" { capabilities = ["update"] }\n`;
  await bao.put("/v1/sys/policies/acl/logins", { policy: rules });
  const { data } = await bao.get<{ data: { token_policies: string[] } }>(`/v1/auth/jwt-nomad/role/${ROLE}`);
  await bao.put(`/v1/auth/jwt-nomad/role/${ROLE}`, {
    ...data,
    token_policies: [...data.token_policies, "logins"],
  });
}

/** For `node --import`: the time of day is another, times between stay true. */
function shiftedClock(byMs: number): string {
  return `const Real = Date;
globalThis.Date = class Date extends Real {
  constructor(...args) { args.length === 0 ? super(Real.now() + ${byMs}) : super(...args); }
  static now() { return Real.now() + ${byMs}; }
};
`;
}

/** Files below a folder whose bytes hold one of the texts. Follows no links. */
export function filesHolding(folder: string, texts: readonly string[]): readonly string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    try {
      if (statSync(path).size === 0) continue;
      const bytes = readFileSync(path);
      if (texts.some((each) => bytes.includes(each))) found.push(path);
    } catch {
      // It went while we looked.
    }
  }
  return found;
}

/** Shows in <alloc>/data/<task> what it reads: at its start, and at each signal. "start" or "signal" before each. */
export function recorder(file: string): readonly string[] {
  return [
    "-c",
    `tell() { { printf '\\036%s\\037' "$1"; cat "${file}"; } >> "$NOMAD_ALLOC_DIR/data/$NOMAD_TASK_NAME"; }
trap 'tell signal' HUP
tell start
while :; do sleep 1 & wait $!; done`,
  ];
}

export interface Told {
  readonly by: string;
  readonly bytes: string;
}

export function toldOf(world: SecretsWorld, allocation: Allocation, task: string): readonly Told[] {
  const text = world.file(allocation, "alloc", "data", task) ?? "";
  return text
    .split("\u001e")
    .slice(1)
    .map((part) => {
      const [by = "", bytes = ""] = part.split("\u001f");
      return { by, bytes };
    });
}

export { eventually };
