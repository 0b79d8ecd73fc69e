/** `npm run quickstart`'s script as a newcomer runs it: it answers, and whatever ends it, nothing is left. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { eventually, freePort, mountsUnder, processesUnder, REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const SCRIPT = join(REPOSITORY, "scripts", "quickstart.sh");
// Everything the script and its children make goes below here, so "nothing left" can be looked at.
let own: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  own = temporaryDirectory("quickstart-test");
});
afterEach(() => {
  for (const { pid } of processesUnder(own.path)) process.kill(pid, "SIGKILL");
  own.remove();
});

const environment = () => ({ ...process.env, TMPDIR: own.path });

async function assertNothingLeft(port: number): Promise<void> {
  await eventually("every process to be gone", () => processesUnder(own.path).length === 0);
  assert.deepEqual(readdirSync(own.path), []);
  assert.deepEqual(mountsUnder(own.path), []);
  await assertFree(port);
}

async function assertFree(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  await new Promise((resolve) => server.close(resolve));
}

test("it starts an agent, runs the first lesson, prints its answer, and leaves nothing", async () => {
  const port = await freePort();
  const { code, stdout, stderr } = await run("sh", [SCRIPT, `-port=${port}`, "-once"], { cwd: "/", env: environment(), timeoutMs: 90_000 });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^Ready\. Drivers: .*raw_exec/m);
  assert.match(stdout, /^\$ drover job run examples\/01-hello\/hello\.nomad\.hcl$/m);
  assert.match(stdout, /^\$ curl http:\/\/127\.0\.0\.1:\d+\nhello world/m);
  await assertNothingLeft(port);
});

/** Where Ctrl-C comes: as soon as the script's output matches, or what it started is there. */
const MOMENTS: readonly (readonly [moment: string, come: (output: string) => boolean, ...words: string[]])[] = [
  ["while the agent starts", (output) => /Starting a dev agent/.test(output)],
  ["while the job is run", (output) => /\$ drover job run/.test(output)],
  ["once it runs", (output) => /Ctrl-C stops everything/.test(output)],
  ["while the tools of the stack are looked for", (output) => /Starting Consul/.test(output), "-stack"],
  ["while the stack starts", () => existsUnder("consul"), "-stack"],
  // Consul is just told to trust the agent, which goes away.
  ["while the stack is wired", (output) => /hello world/.test(output), "-stack"],
];

/** Is there something of this name in the script's folder? */
function existsUnder(name: string): boolean {
  return readdirSync(own.path).some((folder) => existsSync(join(own.path, folder, name)));
}

for (const [moment, come, ...words] of MOMENTS) {
  for (const to of ["the whole process group", "the script alone"] as const) {
    test(`Ctrl-C ${moment}, to ${to}, leaves nothing`, async () => {
      const port = await freePort();
      const child = spawn("sh", [SCRIPT, `-port=${port}`, ...words], {
        env: environment(),
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      child.stdout.on("data", (data: Buffer) => (output += data.toString()));
      child.stderr.on("data", (data: Buffer) => (output += data.toString()));
      const exited = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)));
      await eventually(`the script to be there (${moment})`, () => come(output) || child.exitCode !== null, 60_000);
      assert.equal(child.exitCode, null, output);
      process.kill(to === "the whole process group" ? -(child.pid as number) : (child.pid as number), "SIGINT");
      assert.equal(await exited, 0, output);
      assert.match(output, /nothing is left behind\.\n$/);
      await assertNothingLeft(port);
    });
  }
}

test("a taken port is one clear line, and another port is offered", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as { port: number };
    const { code, stdout, stderr } = await run("sh", [SCRIPT, `-port=${port}`, "-once"], { env: environment() });
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, new RegExp(`^drover: port ${port} is in use[^\\n]*-port=\\d+\\n$`));
    assert.deepEqual(readdirSync(own.path), []);
  } finally {
    server.close();
  }
});

test("a port that is none is refused by name", async () => {
  const { code, stderr } = await run("sh", [SCRIPT, "-port=http"], { env: environment() });
  assert.equal(code, 1);
  assert.match(stderr, /^drover: [^\n]*"http"[^\n]*\n$/);
});

test(
  "without runc and conmon it says so and still works",
  { skip: process.getuid?.() !== 0 ? "hiding programs of the machine needs root" : false },
  async () => {
    const port = await freePort();
    // In a mount namespace of its own both programs are files nobody can run.
    const cover = temporaryDirectory("cover");
    const path = join(cover.path, "not-a-program");
    writeFileSync(path, "", { mode: 0o644 });
    const hide =
      'for name in runc conmon; do for folder in /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin; do [ ! -e $folder/$name ] || mount --bind "$0" $folder/$name; done; done';
    try {
      const { code, stdout, stderr } = await run(
        "unshare",
        ["--mount", "sh", "-c", `set -e; ${hide}; exec sh "$@"`, path, SCRIPT, `-port=${port}`, "-once"],
        {
          env: environment(),
          timeoutMs: 90_000,
        },
      );
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /^Not here: exec \(.*runc.*\)/m);
      assert.match(stdout, /^hello world/m);
      await assertNothingLeft(port);
    } finally {
      cover.remove();
    }
  },
);

test("a dev agent told to stop while it starts stops in order and leaves nothing", async () => {
  const config = temporaryDirectory("dev-ports");
  const port = await freePort();
  const path = join(config.path, "ports.hcl");
  writeFileSync(path, `ports {\n  http = ${port}\n  rpc = ${await freePort()}\n  serf = ${await freePort()}\n}\n`);
  const agent = spawn(process.execPath, [join(REPOSITORY, "src", "main.ts"), "agent", "-dev", "-config", path], {
    env: environment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const exited = new Promise<number | null>((resolve) => agent.on("exit", resolve));
    await new Promise<void>((resolve) => agent.stdout.once("data", () => resolve()));
    assert.equal(readdirSync(own.path).length, 1, "its data folder is there by now");
    agent.kill("SIGTERM");
    assert.equal(await exited, 0);
    await assertNothingLeft(port);
  } finally {
    agent.kill("SIGKILL");
    config.remove();
  }
});
