/** bin/drover from wherever it is called, without what it needs, and the packed release without the sources. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, freePort, processesUnder, sweepUnder, REPOSITORY, run, temporaryDirectory, type CommandResult } from "./real-agent.ts";

const LAUNCHER = join(REPOSITORY, "bin", "drover");
const own = temporaryDirectory("launcher");
/** A release as it is unpacked: bin and dist, no sources, no packages. */
const release = join(own.path, "a release");
/** Only the shell's own tools and no Node: what a bare machine has. */
const bare = join(own.path, "bare-path");

before(async () => {
  mkdirSync(bare);
  for (const name of ["sh", "dirname", "readlink", "sed", "cat"]) {
    const found = (await run("sh", ["-c", `command -v ${name}`])).stdout.trim();
    symlinkSync(found, join(bare, name));
  }
  mkdirSync(join(release, "bin"), { recursive: true });
  cpSync(LAUNCHER, join(release, "bin", "drover"));
  const packed = await run(process.execPath, [join(REPOSITORY, "scripts", "pack.ts"), join(release, "dist")], { timeoutMs: 120_000 });
  assert.equal(packed.code, 0, packed.stderr);
});
after(() => {
  for (const { pid } of processesUnder(own.path)) process.kill(pid, "SIGKILL");
  own.remove();
});

function drover(...words: readonly string[]): Promise<CommandResult> {
  return run(join(release, "bin", "drover"), words, {
    cwd: "/",
    env: { ...process.env, PATH: `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}` },
  });
}

test("it runs through symbolic links, relative and absolute, from another folder, with arguments as they are", async () => {
  const links = join(own.path, "links");
  mkdirSync(links);
  symlinkSync(LAUNCHER, join(links, "absolute"));
  symlinkSync("absolute", join(links, "relative"));
  for (const name of ["absolute", "relative"]) {
    const result = await run(join(links, name), ["version"], { cwd: own.path });
    assert.match(result.stdout, /^Drover v\d+\.\d+\.\d+$/m, result.stderr);
  }
  const strange = await run(join(links, "relative"), ["job", "run", "a b '$x'"], { cwd: "/" });
  assert.equal(strange.code, 1);
  assert.match(strange.stderr, /"a b '\$x'": no such file/);
});

test("without Node it says in one line how to get it, in a checkout and in a release", async () => {
  const checkout = join(own.path, "checkout");
  mkdirSync(join(checkout, "bin"), { recursive: true });
  cpSync(LAUNCHER, join(checkout, "bin", "drover"));
  writeFileSync(join(checkout, "package.json"), "{}");
  const inCheckout = await run(join(checkout, "bin", "drover"), ["version"], { env: { PATH: bare } });
  assert.equal(inCheckout.code, 1);
  assert.match(inCheckout.stderr, /^drover: no Node 26 found: run "npm install" in .*checkout[^\n]*\n$/);
  const inRelease = await run(join(release, "bin", "drover"), ["version"], { env: { PATH: bare } });
  assert.equal(inRelease.code, 1);
  assert.match(inRelease.stderr, /^drover: no Node 26 found: put Node\.js 26 [^\n]*\n$/);
});

test("an older Node on PATH is not taken", async () => {
  const old = join(own.path, "old");
  mkdirSync(old);
  writeFileSync(join(old, "node"), "#!/bin/sh\necho v20.11.1\n", { mode: 0o755 });
  const result = await run(join(release, "bin", "drover"), ["version"], { env: { PATH: `${old}:${bare}` } });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /no Node 26 found/);
});

test("sources without their packages, and neither sources nor release, are told apart", async () => {
  const root = join(own.path, "empty");
  mkdirSync(join(root, "bin"), { recursive: true });
  cpSync(LAUNCHER, join(root, "bin", "drover"));
  const PATH = `${join(process.execPath, "..")}:${bare}`;
  const nothing = await run(join(root, "bin", "drover"), ["version"], { env: { PATH } });
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /^drover: [^\n]*holds no program[^\n]*\n$/);
  mkdirSync(join(root, "src"));
  writeFileSync(join(root, "src", "main.ts"), "");
  const sources = await run(join(root, "bin", "drover"), ["version"], { env: { PATH } });
  assert.equal(sources.code, 1);
  assert.match(sources.stderr, /^drover: the packages are not installed: run "npm install" in [^\n]*\n$/);
});

test("a stale dist in a checkout is not what runs, unless it is asked for", async () => {
  const root = mkdtempSync(join(tmpdir(), "drover-stale-"));
  try {
    mkdirSync(join(root, "bin"));
    cpSync(LAUNCHER, join(root, "bin", "drover"));
    for (const folder of ["src", "dist"]) {
      mkdirSync(join(root, folder));
      writeFileSync(join(root, folder, folder === "src" ? "main.ts" : "main.js"), `console.log(${JSON.stringify(folder)});\n`);
    }
    mkdirSync(join(root, "node_modules", ".bin"), { recursive: true });
    symlinkSync(process.execPath, join(root, "node_modules", ".bin", "node"));
    assert.equal((await run(join(root, "bin", "drover"), [])).stdout, "src\n");
    assert.equal((await run(join(root, "bin", "drover"), [], { env: { ...process.env, DROVER_PACKED: "1" } })).stdout, "dist\n");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test("the release knows its version, its commands, and its job templates", async () => {
  const version = await drover("version");
  assert.equal(version.stdout, (await run(LAUNCHER, ["version"])).stdout);
  assert.equal(version.code, 0);
  assert.match((await drover("-h")).stdout, /^ +job run +/m);
  const file = join(own.path, "example.nomad.hcl");
  const written = await drover("job", "init", file);
  assert.equal(written.code, 0, written.stderr);
  assert.equal(readFileSync(file, "utf8"), readFileSync(join(REPOSITORY, "templates", "job", "example.nomad.hcl"), "utf8"));
  assert.equal((await drover("job", "run", "-output", file)).code, 0);
});

test("the release has all its parts, and its entry holds neither side of the program", () => {
  const files = readdirSync(join(release, "dist"));
  const main = readFileSync(join(release, "dist", "main.js"), "utf8");
  assert.ok(main.length < 20_000, `main.js has ${main.length} bytes`);
  const parts = ["sqlite-log-worker.js", "pulse-worker.js", "log-keeper.js", "template-worker.js", "template-check.js", "templates"];
  assert.deepEqual(
    parts.filter((part) => !files.includes(part)),
    [],
    files.join(" "),
  );
});

test(
  "the release's dev agent runs a raw_exec job: its log worker, its log keeper, its templates are its own",
  { timeout: 90_000 },
  async () => {
    const port = await freePort();
    const config = join(own.path, "ports.hcl");
    writeFileSync(config, `ports {\n  http = ${port}\n  rpc = ${await freePort()}\n  serf = ${await freePort()}\n}\n`);
    const temporary = join(own.path, "tmp");
    mkdirSync(temporary);
    const environment = {
      ...process.env,
      PATH: `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`,
      TMPDIR: temporary,
      NOMAD_ADDR: `http://127.0.0.1:${port}`,
    };
    const agent = spawn(join(release, "bin", "drover"), ["agent", "-dev", "-config", config], {
      cwd: "/",
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    agent.stdout.on("data", (data: Buffer) => (output += data.toString()));
    agent.stderr.on("data", (data: Buffer) => (output += data.toString()));
    const exited = new Promise<number | null>((resolve) => agent.on("exit", resolve));
    const cli = (...words: readonly string[]) => run(join(release, "bin", "drover"), words, { cwd: "/", env: environment });
    try {
      await eventually(
        "the node to be ready",
        async () => agent.exitCode !== null || /eligible +ready/.test((await cli("node", "status")).stdout),
        40_000,
      );
      assert.equal(agent.exitCode, null, output);
      const file = join(own.path, "said.nomad.hcl");
      const write = (template: string) =>
        writeFileSync(
          file,
          `job "said" {\n  group "g" {\n    task "t" {\n      driver = "raw_exec"\n      template {\n        data        = "${template}\\n"\n        destination = "local/said"\n      }\n      config {\n        command = "/bin/sh"\n        args    = ["-c", "cat $NOMAD_TASK_DIR/said; exec sleep 600"]\n      }\n    }\n  }\n}\n`,
        );
      write("from the {{ toLowr `RELEASE` }}");
      const refused = await cli("job", "run", file);
      assert.match(refused.stderr, /function "toLowr" is not defined[^]*Did you mean "toLower"/, refused.stdout + output);
      write("from the {{ toLower `RELEASE` }}");
      const started = await cli("job", "run", file);
      assert.equal(started.code, 0, started.stdout + started.stderr + output);
      await eventually("the task's words", async () => (await cli("alloc", "logs", "-job", "said")).stdout === "from the release\n");
      const running = processesUnder(temporary).map((each) => each.command);
      assert.ok(
        running.some((command) => command.includes(join(release, "dist", "log-keeper.js"))),
        running.join("\n"),
      );
      for (const command of running) assert.ok(!/\/(src|integrations)\/\S+\.ts/.test(command), command);
      agent.kill("SIGTERM");
      assert.equal(await exited, 0, output);
      await eventually("everything to be gone", () => processesUnder(temporary).length === 0);
      assert.deepEqual(readdirSync(temporary), []);
    } finally {
      agent.kill("SIGKILL");
      await exited;
      await sweepUnder(temporary);
    }
  },
);
