/**
 * Lesson 4 as its README has it typed: a real OpenBao makes logins in the PostgreSQL that the lesson's job runs. The logins live for
 * seconds here; the application asks five times a second, so whoever leaves it without one that works is seen.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { testScale } from "../scale.ts";
import { suiteOwner } from "./parts/consul-window.ts";
import { startOpenBao, type RealOpenBao } from "./parts/openbao.ts";
import { eventually, freePort, REPOSITORY, run, startRealAgent, type RealAgent } from "./real-agent.ts";
import { toolPath } from "../../scripts/tool-path.ts";

const SECOND_MS = 1000;
const LEASE_S = testScale() > 1 ? 6 : 4;
const LEASE_MAX_S = 3 * LEASE_S;
/** How many of a login's longest lives the application is watched. */
const LIVES = testScale() > 1 ? 3 * testScale() : 3;
/** The second test's: long enough for an agent that is started again on a busy machine. */
const LONG_LEASE_S = 15;
const LESSON = "examples/04-dynamic-credentials";
const skip = process.env["DROVER_SKIP_LIVE"] === "1" ? "DROVER_SKIP_LIVE" : false;

let bao: RealOpenBao;
let agent: RealAgent;
let databasePort = 0;
let adminPassword = "";
/** The last the README has typed. */
let databaseStop = "";
/** Tokens of Vault before any job was there. */
let accessors: readonly string[] = [];

const owner = suiteOwner(after);
if (skip === false) before(start);

async function start(): Promise<void> {
  bao = await startOpenBao({ owner });
  databasePort = await freePort();
  agent = await startRealAgent({
    config: {
      "10-server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n",
      "20-client.hcl": 'client {\n  enabled = true\n  network_interface = "lo"\n}\n',
      "30-vault.hcl": `vault {\n  enabled = true\n  address = "${bao.address}"\n  default_identity {\n    aud = ["vault.io"]\n    ttl = "1h"\n  }\n}\n`,
    },
  });
  owner.after(() => agent.remove());
  await type(`drover setup vault -y -jwks-url=${agent.address}/.well-known/jwks.json`);
  accessors = await tokenAccessors();
}

/** As the lesson's reader: stops at the first line that fails. */
async function type(lines: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const tools = [...new Set([join(REPOSITORY, "bin"), join(toolPath("bao"), "..")])].join(":");
  const result = await run("sh", ["-ec", lines], {
    env: {
      ...process.env,
      PATH: `${tools}:${process.env["PATH"] ?? ""}`,
      NOMAD_ADDR: agent.address,
      VAULT_ADDR: bao.address,
      VAULT_TOKEN: bao.token,
      NOMAD_VAR_port: String(databasePort),
      ...environment,
    },
    timeoutMs: 60_000,
  });
  assert.equal(result.code, 0, `${lines}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** Rows, as psql prints them bare. */
async function query(sql: string): Promise<readonly string[]> {
  const words = ["-X", "-At", "-h", "127.0.0.1", "-p", String(databasePort), "-U", "admin", "-d", "postgres", "-c", sql];
  const { code, stdout, stderr } = await run(toolPath("psql"), words, { env: { PATH: process.env["PATH"], PGPASSWORD: adminPassword } });
  assert.equal(code, 0, stderr);
  return stdout.split("\n").filter((line) => line !== "");
}

/** Logins there are, and until when each is valid, Unix seconds. */
async function logins(): Promise<ReadonlyMap<string, number>> {
  const rows = await query("SELECT rolname, extract(epoch FROM rolvaliduntil) FROM pg_roles WHERE rolname LIKE 'v-%'");
  return new Map(rows.map((row) => row.split("|") as [string, string]).map(([name, until]) => [name, Number(until)]));
}

async function listed(path: string): Promise<readonly string[]> {
  const response = await bao.api(`${path}?list=true`);
  const text = await response.text();
  assert.ok(response.status === 200 || response.status === 404, `${path}: ${response.status} ${text}`);
  return response.status === 404 ? [] : (JSON.parse(text) as { data: { keys: readonly string[] } }).data.keys;
}
const leases = () => listed("/v1/sys/leases/lookup/database/creds/accounts");
const tokenAccessors = async () => (await listed("/v1/auth/token/accessors")).toSorted();

function blocksOf(name: string): readonly string[] {
  const text = readFileSync(join(REPOSITORY, LESSON, name), "utf8");
  return [...text.matchAll(/^```sh stack\n([^]*?)^```$/gm)].map((match) => match[1] as string);
}

/** For prepare.sh and the jobs. */
function leased(leaseS: number): NodeJS.ProcessEnv {
  return { LEASE: `${leaseS}s`, LEASE_MAX: `${3 * leaseS}s`, NOMAD_VAR_pause: "0.2" };
}

interface Application {
  readonly id: string;
  /** Every line so far, without the last that may be half. */
  lines(): readonly string[];
  /** The logins it was served as, in order; fails when it was refused. */
  served(): readonly string[];
}

/** As it runs, served for the first time. */
async function theApplication(): Promise<Application> {
  const [{ ID }] = await eventually("it to be placed", async () => {
    const found = await agent.get<readonly [{ ID: string }]>("/v1/job/accounts/allocations");
    return found.length > 0 && found;
  });
  const logs = join(agent.dataDirectory, "alloc", ID, "alloc", "logs");
  const lines = () => readFileSync(join(logs, "accounts.stdout.0"), "utf8").split("\n").slice(0, -1);
  const served = () => {
    const said = lines();
    const refused = said.filter((line) => !line.startsWith("served as v-"));
    assert.deepEqual(refused, [], readFileSync(join(logs, "accounts.stderr.0"), "utf8"));
    return said.map((line) => line.slice("served as ".length));
  };
  await eventually("it to be served", () => served().length > 0);
  return { id: ID, lines, served };
}

interface State {
  readonly StartedAt: string;
  readonly Restarts: number;
}

async function stateOf({ id }: Application): Promise<State> {
  const { TaskStates } = await agent.get<{ TaskStates: Readonly<Record<string, State>> }>(`/v1/allocation/${id}`);
  const state = TaskStates["accounts"];
  assert.ok(state !== undefined);
  return state;
}

async function nextAnswer(application: Application): Promise<void> {
  const heard = application.lines().length;
  await eventually("the next answer", () => application.lines().length > heard, 5 * SECOND_MS);
}

/** Nothing is left of it: no login, no lease, no token. */
async function stopApplication(stop: string): Promise<void> {
  const before = await tokenAccessors();
  await type(stop);
  await eventually("its logins to be gone from the database", async () => (await logins()).size === 0);
  await eventually("its leases to be gone from Vault", async () => (await leases()).length === 0);
  await eventually("its token to be gone from Vault", async () => (await tokenAccessors()).length === before.length - 1);
}

test(
  `a task is served at every moment of ${LIVES} lives of its logins, by as many logins as that takes, and none is left`,
  { skip },
  async (context: TestContext) => {
    const [begin = "", look = "", end = ""] = blocksOf("README.md");
    await type(begin, leased(LEASE_S));
    adminPassword = (await type("bao kv get -field=password secret/default/database/admin")).trim();
    const application = await theApplication();
    const begunMs = Date.parse((await stateOf(application)).StartedAt);
    const spent = () => Date.now() - begunMs;
    const seen = new Set<string>();
    let together = 0;
    let slowestMs = 0;
    while (spent() < LIVES * LEASE_MAX_S * SECOND_MS) {
      const fromMs = performance.now();
      await nextAnswer(application);
      slowestMs = Math.max(slowestMs, performance.now() - fromMs);
      application.served();
      const now = await logins();
      for (const name of now.keys()) seen.add(name);
      together = Math.max(together, now.size);
    }
    const served = application.served();
    const names = [...new Set(served)];
    context.diagnostic(
      `${served.length} questions in ${Math.round(spent())} ms, 0 refused, ${names.length} logins, ${together} at most at once, the slowest answer after ${Math.round(slowestMs)} ms`,
    );
    assert.ok(served.length >= spent() / SECOND_MS, `${served.length} questions: it asks every second at least`);

    // A login is replaced when a third of a lease is left, a little earlier by chance; and each for the last time then.
    const seconds = spent() / SECOND_MS;
    const [shortest, longest] = [LEASE_MAX_S - LEASE_S / 2, LEASE_MAX_S];
    assert.ok(
      names.length >= Math.ceil(seconds / longest) && names.length <= Math.ceil(seconds / shortest) + 1,
      `${names.length} logins in ${seconds} s`,
    );
    assert.ok(together <= 2, `${together} at once: the one before, and its successor`);
    const unused = [...seen].filter((name) => !names.includes(name));
    assert.ok(unused.length <= 1, `${unused.length} were made and never used: more than one made just now`);
    // None served before the one before it, and each in one piece: who was replaced does not come back.
    assert.deepEqual(
      served.filter((name, index) => name !== served[index - 1]),
      names,
    );
    assert.match(await type(look), /^ +\d+ served as v-\S+\n +\d+ served as v-\S+\n[^]*^Keys\n----\n\w+\n/m);
    const lines = end.trim().split("\n");
    databaseStop = lines.pop() ?? "";
    await stopApplication(lines.join("\n"));
  },
);

test(
  "an agent that is killed and comes back keeps the login: the same goes on, renewed, and nobody is refused (F52)",
  { skip },
  async (context: TestContext) => {
    await type(`${LESSON}/prepare.sh logins\ndrover job run -detach ${LESSON}/accounts.nomad.hcl`, leased(LONG_LEASE_S));
    const application = await theApplication();
    const [first] = application.served() as [string];
    const [before] = [...(await logins()).values()] as [number];
    const state = await stateOf(application);

    await agent.kill();
    const alone = application.lines().length;
    await agent.restart();
    const back = application.lines().length;
    const renewed = await eventually("the login to be renewed by the agent that came back", async () => {
      await nextAnswer(application);
      const [until = 0, ...others] = (await logins()).values();
      assert.deepEqual(others, []);
      return until > before + 1 && until;
    });
    const heard = application.lines().length;
    await nextAnswer(application);
    assert.deepEqual([...new Set(application.served())], [first]);
    assert.equal((await leases()).length, 1);
    const { StartedAt, Restarts } = await stateOf(application);
    assert.deepEqual([StartedAt, Restarts], [state.StartedAt, 0]);
    context.diagnostic(
      `${back - alone} questions while no agent was there, ${heard - back} until it renewed, by ${Math.round(renewed - before)} s`,
    );
    await stopApplication("drover job stop -purge accounts");
  },
);

test("with the last job Vault has no token more than before the first", { skip }, async () => {
  await type(databaseStop);
  await eventually("the tokens to be given back", async () => {
    assert.deepEqual(await tokenAccessors(), accessors);
    return true;
  });
});
