/**
 * Workload identity on real processes: what a task finds, that anybody can verify it with the published keys, that it is renewed, and the
 * agent's API on the task's own socket.
 */
import assert from "node:assert/strict";
import { createPublicKey, verify, type JsonWebKeyInput } from "node:crypto";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, processesUnder, run, startRealAgent, type RealAgent } from "./real-agent.ts";

interface Allocation {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly TaskStates: Readonly<
    Record<
      string,
      {
        readonly State: string;
        readonly Restarts: number;
        readonly Events: readonly { readonly Type: string; readonly DisplayMessage: string }[];
      }
    >
  >;
}

let agent: RealAgent;
before(async () => {
  agent = await startRealAgent();
});
after(async () => {
  for (const { ID } of await agent.get<{ ID: string }[]>("/v1/jobs")) await agent.request(`/v1/job/${ID}`, { method: "DELETE" });
  await eventually("all tasks to have ended", async () =>
    (await agent.get<Allocation[]>("/v1/allocations")).every((each) => ["complete", "failed", "lost"].includes(each.ClientStatus)),
  ).finally(() => agent.remove());
});

const SECOND = 1e9;
const WAIT = "trap 'exit 0' INT TERM; while :; do sleep 0.05; done";

function task(driver: "exec" | "raw_exec", script: string, more: object = {}): object {
  return {
    Name: "t",
    Driver: driver,
    Config: { command: "/bin/sh", args: ["-c", script] },
    Resources: { CPU: 50, MemoryMB: 64 },
    ...more,
  };
}

async function submit(id: string, one: object, type = "service"): Promise<void> {
  const Job = { ID: id, Type: type, Datacenters: ["*"], TaskGroups: [{ Name: "g", Tasks: [one] }] };
  const response = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
  assert.equal(response.status, 200, await response.text());
}

async function running(id: string): Promise<Allocation> {
  let last: unknown;
  return await eventually(
    `${id} to run`,
    async () => {
      const all = await agent.get<Allocation[]>(`/v1/job/${id}/allocations`);
      last = all;
      return all.find((each) => each.ClientStatus === "running");
    },
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify(last, null, 1)}`);
  });
}

async function said(id: string, pattern: RegExp): Promise<RegExpMatchArray> {
  return await eventually(`the task to say ${pattern}`, async () => {
    const response = await agent.request(`/v1/client/fs/logs/${id}?task=t&type=stdout&plain=true`);
    return (await response.text()).match(pattern) ?? undefined;
  });
}

/** The claims of a JWT that one of the published keys has signed. */
async function verified(jwt: string): Promise<Record<string, unknown>> {
  const [head = "", body = "", signature = ""] = jwt.split(".");
  const { kid, alg } = JSON.parse(Buffer.from(head, "base64url").toString()) as { kid: string; alg: string };
  const { keys } = await agent.get<{ keys: (JsonWebKeyInput["key"] & { kid: string })[] }>("/.well-known/jwks.json");
  const key = keys.find((each) => each.kid === kid);
  assert.ok(key !== undefined, `${kid} is not among ${keys.map((each) => each.kid).join()}`);
  const publicKey = createPublicKey({ key, format: "jwk" });
  const digest = alg === "RS256" ? "sha256" : null;
  assert.ok(verify(digest, Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, "base64url")), "the signature is bad");
  return JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
}

function secret(allocation: Allocation, file: string): string {
  return join(agent.dataDirectory, "alloc", allocation.ID, "t", file);
}

for (const driver of ["raw_exec", "exec"] as const) {
  test(`${driver}: a task reads its identity, which the published keys verify, and nobody else may`, async () => {
    const id = `who-${driver}`;
    await submit(
      id,
      task(
        driver,
        `echo "file $(cat $NOMAD_SECRETS_DIR/nomad_token) env $NOMAD_TOKEN aud $(cat $NOMAD_SECRETS_DIR/nomad_db.jwt) end"; ${WAIT}`,
        {
          Identity: { Env: true, File: true },
          Identities: [{ Name: "db", File: true, Audience: ["db.example"], TTL: 3600 * SECOND }],
        },
      ),
    );
    const allocation = await running(id);
    const [, file = "", env = "", db = ""] = await said(allocation.ID, /file (\S+) env (\S+) aud (\S+) end/);
    assert.equal(file, env);
    const claims = await verified(file);
    assert.deepEqual(
      [claims["nomad_allocation_id"], claims["nomad_job_id"], claims["nomad_task"], claims["nomad_namespace"]],
      [allocation.ID, id, "t", "default"],
    );
    const other = await verified(db);
    assert.deepEqual([other["aud"], Number(other["exp"]) - Number(other["iat"])], ["db.example", 3600]);
    for (const name of ["secrets/nomad_token", "secrets/nomad_db.jwt", "secrets/api.sock"]) {
      const stats = lstatSync(secret(allocation, name));
      assert.equal(stats.mode & 0o777, 0o600, name);
      assert.equal(stats.uid, driver === "exec" ? 65_534 : process.getuid?.(), name);
    }
    // Not over the API, not in what the agent says or remembers of the task.
    const shown = await agent.request(`/v1/client/fs/cat/${allocation.ID}?path=t/secrets/nomad_token`);
    assert.equal(shown.status, 403);
    assert.ok(!agent.output().includes(file));
    assert.ok(!JSON.stringify(await agent.get(`/v1/allocation/${allocation.ID}`)).includes(file));
    assert.ok(!readFileSync(join(agent.dataDirectory, "client", "state.db")).includes(file));
  });

  test(`${driver}: the agent's API answers on the task's socket to its identity, and to nobody without`, async () => {
    const id = `socket-${driver}`;
    const ask = (header: string) =>
      `curl -sS -m 10 -o /dev/null -w '%{http_code}' ${header} --unix-socket "\${NOMAD_UNIX_ADDR#unix://}" http://localhost/v1/jobs`;
    await submit(
      id,
      task(
        driver,
        `echo "none $(${ask("")}) bad $(${ask("-H 'X-Nomad-Token: x.y.z'")}) good $(${ask('-H "X-Nomad-Token: $NOMAD_TOKEN"')}) bearer $(${ask('-H "Authorization: Bearer $NOMAD_TOKEN"')}) end"; ${WAIT}`,
        { Identity: { Env: true } },
      ),
    );
    const allocation = await running(id);
    const [text] = await said(allocation.ID, /none .* end/);
    assert.equal(text, "none 401 bad 403 good 200 bearer 200 end");
  });
}

test("identities are renewed in time: the file is replaced, and each task is told as it asked to be", async () => {
  const more = (ChangeMode: string, ChangeSignal = "") => ({ Identity: { File: true, TTL: 6 * SECOND, ChangeMode, ChangeSignal } });
  await submit("noop", task("raw_exec", WAIT, more("noop")));
  await submit("signal", task("raw_exec", `trap 'echo heard' USR1; echo ready; while :; do sleep 0.05; done`, more("signal", "SIGUSR1")));
  await submit("restart", task("exec", `echo began; ${WAIT}`, more("restart")));
  const [noop, signal, restart] = await Promise.all([running("noop"), running("signal"), running("restart")]);
  const first = readFileSync(secret(noop, "secrets/nomad_token"), "utf8");
  const second = await eventually("a renewed file", () => {
    const now = readFileSync(secret(noop, "secrets/nomad_token"), "utf8");
    return now !== first ? now : undefined;
  });
  const [before, now] = [await verified(first), await verified(second)];
  assert.ok(Number(now["iat"]) - Number(before["iat"]) <= 5, "before it expired");
  assert.notEqual(now["jti"], before["jti"]);
  await said(signal.ID, /ready[\s\S]*heard/);
  await said(restart.ID, /began[\s\S]*began/);
  const states = async (id: string) => (await agent.get<Allocation>(`/v1/allocation/${id}`)).TaskStates["t"];
  assert.ok((await states(restart.ID))?.Events.some((event) => event.DisplayMessage === "Identity[default]: new Identity token acquired"));
  assert.ok((await states(signal.ID))?.Events.some((event) => event.Type === "Signaling"));
  assert.deepEqual([(await states(noop.ID))?.Restarts, (await states(signal.ID))?.Restarts], [0, 0]);
  for (const id of ["noop", "signal", "restart"]) await agent.request(`/v1/job/${id}`, { method: "DELETE" });
});

test("the agent killed and started again: the task runs on, its file is written anew without a change, its socket answers again (F58)", async () => {
  await submit(
    "survivor",
    task("raw_exec", `echo "pid $$"; ${WAIT}`, { Identity: { Env: true, File: true, ChangeMode: "restart", TTL: 3600 * SECOND } }),
  );
  const allocation = await running("survivor");
  const path = secret(allocation, "secrets/nomad_token");
  const first = readFileSync(path, "utf8");
  const socket = secret(allocation, "secrets/api.sock");
  const variables = async () => {
    const { stdout, code } = await agent.cli(
      "alloc",
      "exec",
      "-task",
      "t",
      allocation.ID,
      "sh",
      "-c",
      "env | grep -E '^(NOMAD_|CONSUL)' | sed 's/^NOMAD_TOKEN=.*/NOMAD_TOKEN/' | sort",
    );
    assert.equal(code, 0, stdout);
    return stdout;
  };
  const environment = await variables();
  assert.ok(environment.includes("NOMAD_TOKEN\n") && environment.includes("NOMAD_UNIX_ADDR=unix:///"), environment);
  await agent.kill();
  await agent.restart();
  const second = await eventually("the file to be written anew", () => {
    const now = readFileSync(path, "utf8");
    return now !== first ? now : undefined;
  });
  assert.equal((await verified(second))["nomad_allocation_id"], allocation.ID);
  const ask = async (token: string) => {
    const { stdout } = await run("curl", [
      "-sS",
      "-m",
      "10",
      "-H",
      `X-Nomad-Token: ${token}`,
      "--unix-socket",
      socket,
      "http://localhost/v1/status/leader",
    ]);
    return stdout;
  };
  await eventually("the socket to answer again", async () => (await ask(second)).includes(":"));
  assert.equal(await ask(""), "Missing token: it is in NOMAD_TOKEN, or in a file of the secrets directory");
  assert.match(await ask(first), /:/, "the one from before is good for as long as it lives");
  await eventually("the variables as before", async () => (await variables()) === environment);
  const state = (await agent.get<Allocation>(`/v1/allocation/${allocation.ID}`)).TaskStates["t"];
  assert.deepEqual([state?.State, state?.Restarts], ["running", 0]);
  await agent.request("/v1/job/survivor", { method: "DELETE" });
  await eventually("the task to have ended", () => processesUnder(allocation.ID).length === 0);
  await eventually("an ended task's identity to be worth nothing", async () => (await verifiedByAgent(second)) === false);
});

/** By the socket of a task that lives. */
async function verifiedByAgent(token: string): Promise<boolean> {
  const [living] = (await agent.get<Allocation[]>("/v1/job/who-raw_exec/allocations")).filter((each) => each.ClientStatus === "running");
  assert.ok(living !== undefined);
  const { stdout } = await run("curl", [
    "-sS",
    "-m",
    "10",
    "-H",
    `X-Nomad-Token: ${token}`,
    "--unix-socket",
    secret(living, "secrets/api.sock"),
    "http://localhost/v1/status/leader",
  ]);
  return stdout !== "Permission denied";
}
