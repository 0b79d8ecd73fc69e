/** The program as a process: what comes out where, and its exit code. Its servers are a script. nomad.md §4.1, §4.2. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const MAIN = join(import.meta.dirname, "..", "..", "..", "src", "main.ts");
const JOB = 'job "web" {\n  group "g" {\n    task "t" {\n      driver = "raw_exec"\n    }\n  }\n}\n';

/** "GET /v1/jobs?prefix=web" as they came. */
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  const path = (request.url ?? "").split("?")[0];
  if (path === "/v1/jobs" && request.method === "GET") response.end(JSON.stringify([{ ID: "web", Namespace: "default" }]));
  else response.end("{}");
});
const folder = mkdtempSync(join(tmpdir(), "drover-program-"));
let address = "";
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(join(folder, "web.nomad.hcl"), JOB);
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly asked: readonly string[];
}

/** A line of sh in which `drover` is the program. */
async function sh(line: string, more: Record<string, string> = {}): Promise<Ran> {
  asked.length = 0;
  const child = spawn("sh", ["-c", `drover() { '${process.execPath}' '${MAIN}' "$@"; }; ${line}`], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, NOMAD_ADDR: address, ...more },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stdout, stderr, asked: [...asked] };
}

test("Nobody reads what is printed: no failure, no stack trace", async () => {
  const { stderr } = await sh("{ drover -h; echo $? >&2; } | true");
  assert.equal(stderr, "0\n");
});

test("Nobody reads the errors: the exit code stays", async () => {
  const { stdout } = await sh("exec 3>&1; { drover frobnicate 2>&1 >/dev/null; echo $? >&3; } | true");
  assert.equal(stdout, "127\n");
});

test("Standard output that cannot be written is a failure, and told", async () => {
  const { code, stderr } = await sh("drover version > /dev/full");
  assert.equal(code, 1);
  assert.match(stderr, /^drover: Cannot write to standard output: .*ENOSPC/);
});

for (const [line, code, said] of [
  ["drover -namespace=team job status", 127, /options follow the command/],
  ["drover job stauts", 127, /no command "job stauts"; did you mean "job status"\?/],
  ["drover job status -verbos web", 1, /flag provided but not defined: -verbos; did you mean -verbose\?\nSee "drover job status -h"\./],
  ["drover job status -json -t x web", 1, /-json and -t cannot both be given/],
  ["drover job plan -verbos web.nomad.hcl", 255, /did you mean -verbose/],
  ["drover job plan", 255, /Usage: drover job plan \[options\] <path>/],
  ["drover job plan -json-output -t x web.nomad.hcl", 255, /-json-output and -t cannot both be given/],
  ["drover job plan -address http://127.0.0.1:1 web.nomad.hcl", 255, /connection refused\nStart one with `drover agent -dev`/],
  ["drover job validate -address ftp://x web.nomad.hcl", 255, /is none of http:\/\/, https:\/\/, unix:\/\//],
  ["drover job validate nothing.hcl", 1, /Cannot read file "nothing.hcl": no such file/],
  ["drover monitor export", 1, /"monitor export" is not in this version of Drover yet/],
  ["drover monitor more", 1, /This command takes no arguments/],
  ["drover operator api -X PUT /v1/jobs @nothing", 1, /Cannot read file "nothing": no such file/],
] as const) {
  test(`${line}: exit code ${code}`, async () => {
    const ran = await sh(line);
    assert.equal(ran.code, code);
    assert.match(ran.stderr, said);
    assert.equal(ran.stdout, "");
    assert.deepEqual(ran.asked, []);
  });
}

for (const line of [
  'drover job stop -yes ""',
  'drover job stop -yes " "',
  'drover status ""',
  'drover namespace status ""',
  'drover scaling policy info ""',
  "drover system gc now",
  "drover alloc stop a1 b2",
  "drover alloc restart a1 task more",
  "drover job inspect web more",
  "drover node eligibility -enable -self more",
]) {
  test(`${line} is refused, and changes nothing`, async () => {
    const { code, stderr, asked: requests } = await sh(line);
    assert.equal(code, 1);
    assert.notEqual(stderr, "");
    assert.deepEqual(
      requests.filter((each) => !each.startsWith("GET /v1/namespaces")),
      [],
    );
  });
}

test("operator api asks where a whole URL points, and passes a parameter given twice on twice", async () => {
  const { code, asked: requests } = await sh(`drover operator api '${address}/v1/agent/self?a=1&a=2&b=3'`, {
    NOMAD_ADDR: "http://127.0.0.1:1",
  });
  assert.equal(code, 0);
  assert.deepEqual(requests, ["GET /v1/agent/self?a=1&a=2&b=3"]);
});

test("Completion asks at the address and in the namespace typed, not only in those of the environment", async () => {
  const line = `drover job status -address=${address} -namespace=team w`;
  const { asked: requests } = await sh("drover", { COMP_LINE: line, NOMAD_ADDR: "http://127.0.0.1:1" });
  assert.deepEqual(requests, ["PUT /v1/search?namespace=team"]);
});

test("A warning about a variable of the command line shows no line of the job file", async () => {
  const { stderr } = await sh("drover job run -output -hcl2-strict=false -var a=b web.nomad.hcl");
  assert.match(stderr, /^-var a:1:1: warning: /);
  assert.doesNotMatch(stderr, /job "web"/);
});

/** On a terminal: `key` is pressed when the question is there. */
async function answering(words: string, key: string): Promise<Ran> {
  asked.length = 0;
  const child = spawn("script", ["-qec", `'${process.execPath}' '${MAIN}' ${words}`, "/dev/null"], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, NOMAD_ADDR: address, TERM: "dumb", SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 60_000,
  });
  let stdout = "";
  child.stdout.on("data", (data: Buffer) => {
    const before = stdout;
    stdout += data.toString();
    if (stdout.includes("[y/N]") && !before.includes("[y/N]")) child.stdin.write(key);
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stdout, stderr: "", asked: [...asked] };
}

for (const [name, key, code, said] of [
  ["n", "n\r", 0, /Cancelling job stop/],
  ["Ctrl-D", "\u0004", 0, /Cancelling job stop/],
  ["Ctrl-C", "\u0003", 130, /\[y\/N\]/],
] as const) {
  test(`${name} at a question is no yes, and after Ctrl-C nothing more is asked`, async () => {
    const ran = await answering(key === "\u0003" ? "job stop we web" : "job stop we", key);
    assert.equal(ran.code, code);
    assert.match(ran.stdout, said);
    assert.deepEqual(ran.asked, ["GET /v1/jobs?prefix=we"]);
  });
}
