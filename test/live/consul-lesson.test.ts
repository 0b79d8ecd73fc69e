/**
 * Lesson 2's second half on the whole stack as a newcomer gets it: `npm run quickstart -- --stack`, real Consul with ACLs, identities traded for
 * tokens. Then nothing is left: no process, no folder.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, freePort, mountsUnder, processesUnder, REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const own = temporaryDirectory("lesson");
let quickstart: ChildProcess;
let said = "";
let port = 0;

before(async () => {
  port = await freePort();
  quickstart = spawn("sh", [join(REPOSITORY, "scripts", "quickstart.sh"), `-port=${port}`, "--stack"], {
    cwd: "/",
    env: { ...process.env, TMPDIR: own.path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [quickstart.stdout, quickstart.stderr]) stream?.on("data", (data: Buffer) => (said += data.toString()));
  await eventually("the stack to stand", () => quickstart.exitCode !== null || said.includes("Ctrl-C stops everything"), 120_000);
  assert.equal(quickstart.exitCode, null, said);
});

after(async () => {
  quickstart.kill("SIGTERM");
  await eventually("the quickstart to end", () => quickstart.exitCode !== null, 60_000).catch(() => quickstart.kill("SIGKILL"));
  const left = processesUnder(own.path);
  const [mounts, files] = [mountsUnder(own.path), readdirSync(own.path)];
  for (const { pid } of left) process.kill(pid, "SIGKILL");
  for (const mount of mounts) await run("umount", ["-l", mount]);
  own.remove();
  assert.deepEqual({ left, mounts, files }, { left: [], mounts: [], files: [] });
  assert.match(said, /nothing is left behind/);
});

async function get<T>(url: string, token = ""): Promise<T> {
  const response = await fetch(url, { headers: { "X-Consul-Token": token }, signal: AbortSignal.timeout(5_000) });
  assert.equal(response.status, 200, url);
  return (await response.json()) as T;
}

const consul = () => {
  const found = /CONSUL_HTTP_ADDR=(\S+) CONSUL_HTTP_TOKEN=(\S+)/.exec(said);
  return { address: found?.[1] ?? "", token: found?.[2] ?? "" };
};

test("a job of three copies is found in Consul, an ill one is not, and comes back", async () => {
  const consulDns = /dig @127\.0\.0\.1 -p (\d+)/.exec(said)?.[1] ?? "";
  const [node] = await get<{ ID: string }[]>(`http://127.0.0.1:${port}/v1/nodes`);
  const { Attributes } = await get<{ Attributes: Record<string, string> }>(`http://127.0.0.1:${port}/v1/node/${node?.ID}`);
  const ownDns = (Attributes["unique.drover.dns.address"] ?? "").replace(/^.*:/, "");
  const text = readFileSync(join(REPOSITORY, "examples", "02-consul-service", "README.md"), "utf8");
  const blocks = [...text.matchAll(/^```sh stack\n([^]*?)^```$/gm)].map((match) => match[1] as string);
  assert.equal(blocks.length, 3);
  let shown = "";
  for (const block of blocks) {
    const typed = block.replaceAll("-p 8600", `-p ${consulDns}`).replaceAll("-p 4653", `-p ${ownDns}`);
    const result = await run("sh", ["-ec", typed], {
      cwd: REPOSITORY,
      env: { ...process.env, PATH: `${join(REPOSITORY, "bin")}:${process.env["PATH"] ?? ""}`, NOMAD_ADDR: `http://127.0.0.1:${port}` },
      timeoutMs: 60_000,
    });
    assert.equal(result.code, 0, `${typed}\n${result.stdout}${result.stderr}`);
    shown += result.stdout;
  }
  assert.match(shown, /(^1 1 \d+ \S+\.$\n){3}[^]*^Total Restarts = 1$[^]*^127\.0\.0\.1$/m);
  assert.match(shown, /127\.0\.0\.1\n[^]*$/);
});

test("nothing of a stopped job stays in Consul: no service, no token", async () => {
  const { address, token } = consul();
  const tokens = async () =>
    (await get<{ AuthMethod?: string }[]>(`${address}/v1/acl/tokens`, token)).filter((each) => each.AuthMethod !== undefined);
  await run(join(REPOSITORY, "bin", "drover"), ["job", "stop", "-purge", "web"], {
    env: { ...process.env, NOMAD_ADDR: `http://127.0.0.1:${port}` },
    timeoutMs: 30_000,
  });
  await eventually("the services to be gone", async () => {
    const services = await get<Record<string, { Service: string }>>(`${address}/v1/agent/services`, token);
    return Object.values(services).every((each) => each.Service !== "web");
  });
  await eventually("the tokens to be given back", async () => (await tokens()).length === 0);
});

test("Consul answers nobody without a token, and every token was given for an identity", async () => {
  const { address } = consul();
  const response = await fetch(`${address}/v1/health/service/nomad`, { signal: AbortSignal.timeout(5_000) });
  assert.deepEqual(await response.json(), []);
  const found = await get<{ Service: { Tags: string[] } }[]>(`${address}/v1/health/service/nomad?passing`, consul().token);
  assert.ok(found.length > 0, "the server made itself known");
});
