/**
 * Variables on a real agent, by GET, PUT and DELETE of /v1/var/* and by the command line: nothing it ever wrote or said holds a value, a full rotation outlives kill -9, what a task may, and a child that
 * runs only while a lock is held.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, processesUnder, REPOSITORY, run, startRealAgent, temporaryDirectory, type RealAgent } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const SERVER = { "10-server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n" };
const PLANTED = "planted-5ecret-value";

interface Key {
  readonly KeyID: string;
  readonly State: string;
}
const keys = (agent: RealAgent) => agent.get<readonly Key[]>("/v1/operator/keyring/keys");
const put = async (agent: RealAgent, path: string, Items: Record<string, string>) => {
  const answer = await agent.request(`/v1/var/${path}`, { method: "PUT", body: JSON.stringify({ Items }) });
  assert.equal(answer.status, 200, await answer.text());
};
const keyed = (agent: RealAgent) => eventually("a key is active", async () => (await keys(agent)).some(({ State }) => State === "active"));

/** Every file under it that holds the text. */
function filesWith(directory: string, text: string): readonly string[] {
  return globSync("**/*", { cwd: directory })
    .map((path) => join(directory, path))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).includes(text));
}

test(
  "a full rotation goes on after kill -9; nothing on disk, in a snapshot, in events, or in the log holds a value",
  { skip: SKIP },
  async () => {
    const agent = await startRealAgent({ config: SERVER, ready: false });
    const scratch = temporaryDirectory("variables");
    try {
      await keyed(agent);
      const names = Array.from({ length: 400 }, (_, at) => `app/${at}`);
      for (let from = 0; from < names.length; from += 50) {
        await Promise.all(
          names.slice(from, from + 50).map((name) => put(agent, name, { password: `${PLANTED} of ${name}`, pad: "x".repeat(4_000) })),
        );
      }
      const [first] = await keys(agent);
      const rotated = await agent.request("/v1/operator/keyring/rotate?full", { method: "PUT" });
      assert.equal(rotated.status, 200);
      await agent.kill();
      await agent.restart();
      await eventually(
        "the old key seals nothing",
        async () => (await keys(agent)).find(({ KeyID }) => KeyID === first?.KeyID)?.State === "inactive",
      );
      for (const name of names) {
        const read = await agent.get<{ readonly Items: Record<string, string> }>(`/v1/var/${name}`);
        assert.equal(read.Items["password"], `${PLANTED} of ${name}`);
      }
      assert.equal((await agent.request(`/v1/operator/keyring/key/${first?.KeyID}?force`, { method: "DELETE" })).status, 200);
      assert.equal((await agent.get<{ readonly Path: string }>("/v1/var/app/7")).Path, "app/7");

      const snapshot = join(scratch.path, "snapshot");
      const saved = await agent.cli("operator", "snapshot", "save", snapshot);
      assert.equal(saved.code, 0, saved.stderr);
      const inspected = await agent.cli("operator", "snapshot", "inspect", snapshot);
      const debug = await agent.cli("operator", "debug", "-duration=1s", "-interval=1s", `-output=${scratch.path}`);
      const unpacked = await run("sh", [
        "-c",
        `cd ${scratch.path} && for each in *.tar.gz snapshot; do tar xzf $each 2>/dev/null || true; done`,
      ]);
      assert.equal(unpacked.code, 0);
      const metrics = await (await agent.request("/v1/metrics")).text();
      const list = await (await agent.request("/v1/vars?prefix=app")).text();
      for (const said of [agent.output(), inspected.stdout, debug.stdout, debug.stderr, metrics, list]) assert.ok(!said.includes(PLANTED));
      assert.deepEqual(filesWith(agent.dataDirectory, PLANTED), []);
      assert.deepEqual(filesWith(scratch.path, PLANTED), []);
    } finally {
      scratch.remove();
      await agent.remove();
    }
  },
);

test("a task's identity opens its own job's variables over the API, and no other's", { skip: SKIP, timeout: 60_000 }, async () => {
  const agent = await startRealAgent();
  try {
    for (const path of ["nomad/jobs/asks", "nomad/jobs/asks/g/t", "nomad/jobs/other", "app/shared"])
      await put(agent, path, { value: `${PLANTED} ${path}` });
    const Tasks = [
      {
        Name: "t",
        Driver: "raw_exec",
        Config: { command: "/bin/sh", args: ["-c", 'echo "$NOMAD_TOKEN"; exec sleep 60'] },
        Identity: { Env: true },
        Resources: { CPU: 50, MemoryMB: 64 },
      },
    ];
    const Job = { ID: "asks", Name: "asks", Type: "service", Datacenters: ["dc1"], TaskGroups: [{ Name: "g", Count: 1, Tasks }] };
    const registered = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) });
    assert.equal(registered.status, 200, await registered.text());
    const token = await eventually("the task tells its token", async () => {
      const { stdout } = await agent.cli("alloc", "logs", "-job", "asks");
      return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(stdout.trim()) ? stdout.trim() : undefined;
    });
    const ask = (path: string, init: RequestInit = {}) => agent.request(path, { ...init, headers: { "X-Nomad-Token": token } });
    const statusOf = async (path: string, init?: RequestInit) => (await ask(path, init)).status;
    const body = JSON.stringify({ Items: { a: "b" } });
    assert.equal(await statusOf("/v1/var/nomad/jobs/asks"), 200);
    assert.equal(await statusOf("/v1/var/nomad/jobs/asks/g/t"), 200);
    assert.equal(await statusOf("/v1/var/app/shared"), 200);
    assert.equal(await statusOf("/v1/var/nomad/jobs/asks", { method: "PUT", body }), 403);
    assert.equal(await statusOf("/v1/var/nomad/jobs/asks", { method: "DELETE" }), 403);
    assert.equal(await statusOf("/v1/var/app/own", { method: "PUT", body }), 200);
    assert.equal(await statusOf("/v1/vars?namespace=prod"), 403);
    const denied = await ask("/v1/var/nomad/jobs/other");
    const told = await denied.text();
    assert.equal(denied.status, 403);
    assert.match(told, /task "t" of group "g" of job "asks" may not read variable "nomad\/jobs\/other".*"nomad\/jobs\/asks\/g\/t"/);
    assert.ok(!told.includes(PLANTED));
    const listed = (await (await ask("/v1/vars?prefix=nomad")).json()) as { readonly Path: string }[];
    assert.deepEqual(
      listed.map(({ Path }) => Path),
      ["nomad/jobs/asks", "nomad/jobs/asks/g/t"],
    );
    assert.equal(await statusOf("/v1/vars?prefix=nomad&namespace=*"), 200);

    await agent.request("/v1/job/asks", { method: "DELETE" });
    await eventually("an ended task's identity is worth nothing", async () => (await statusOf("/v1/var/app/shared")) === 403);
  } finally {
    await agent.remove();
  }
});

test(
  "a child runs while the lock is held: signals reach it, its exit code comes back, and it ends when the lock is lost",
  { skip: SKIP, timeout: 120_000 },
  async () => {
    const agent = await startRealAgent({ config: SERVER, ready: false });
    const scratch = temporaryDirectory("lock");
    try {
      await keyed(agent);
      const lock = (...words: string[]) => {
        const child = spawn(join(REPOSITORY, "bin", "drover"), ["var", "lock", `-address=${agent.address}`, ...words], {
          stdio: ["ignore", "pipe", "pipe"],
        });
        let said = "";
        child.stderr.on("data", (data: Buffer) => (said += data.toString()));
        const ended = new Promise<{ code: number | null; said: () => string }>((resolve) =>
          child.once("exit", (code) => resolve({ code, said: () => said })),
        );
        return { child, ended };
      };
      const script = (name: string, text: string) => {
        const path = join(scratch.path, name);
        writeFileSync(path, text);
        return path;
      };
      const waiting = script("waiting.sh", `trap 'exit 9' TERM\ntouch ${scratch.path}/runs\nwhile :; do sleep 0.05; done\n`);
      const first = lock("-shell=false", "app/lock", "sh", waiting);
      await eventually("the child runs", () => existsSync(join(scratch.path, "runs")));
      const second = lock("app/lock", `touch ${scratch.path}/second`);
      const refused = await lock("-early-return", "app/lock", "true").ended;
      assert.equal(refused.code, 1);
      assert.ok(!existsSync(join(scratch.path, "second")));
      first.child.kill("SIGTERM");
      assert.equal((await first.ended).code, 9);
      assert.equal((await second.ended).code, 0, "who waited gets it, at once: it was given back");
      assert.ok(existsSync(join(scratch.path, "second")));

      const stubborn = script("stubborn.sh", `touch ${scratch.path}/stubborn\nwhile :; do sleep 0.05; done\n`);
      const losing = lock("-ttl=10s", "-max-retry=0", "app/lost", `sh ${stubborn}`);
      await eventually("it runs", () => existsSync(join(scratch.path, "stubborn")));
      await agent.kill();
      const { code, said } = await losing.ended;
      assert.equal(code, 1);
      await eventually("it says why", () => /was lost/.test(said()));
      assert.deepEqual(processesUnder(scratch.path), []);
      await agent.restart();
      await eventually(
        "the lock is free again after its time",
        async () => {
          const found = await agent.get<{ readonly Lock?: object }>("/v1/var/app/lost");
          return found.Lock === undefined;
        },
        30_000,
      );
    } finally {
      scratch.remove();
      await agent.remove();
    }
  },
);
