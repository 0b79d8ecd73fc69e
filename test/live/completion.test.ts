/** Shell completion: what is offered at a key press, in a real bash too, and the lines it puts into a shell's start file. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { REPOSITORY, run, startRealAgent, temporaryDirectory, type CommandResult, type RealAgent } from "./real-agent.ts";

const LAUNCHER = join(REPOSITORY, "bin", "drover");
const own = temporaryDirectory("completion");
let agent: RealAgent;
before(async () => {
  agent = await startRealAgent();
  for (const ID of ["web-shop", "web-search", "batch-night"]) {
    const Job = {
      ID,
      Datacenters: ["nowhere"],
      TaskGroups: [{ Name: "g", Count: 0, Tasks: [{ Name: "t", Driver: "raw_exec", Config: { command: "/bin/true" } }] }],
    };
    assert.equal((await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) })).status, 200);
  }
});
after(async () => {
  own.remove();
  await agent.remove();
});

async function offered(line: string, address = agent.address): Promise<string[]> {
  const { code, stdout, stderr } = await run(LAUNCHER, ["drover", "", ""], {
    env: { ...process.env, COMP_LINE: line, COMP_POINT: String(line.length), NOMAD_ADDR: address },
  });
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  return stdout.split("\n").filter(Boolean);
}

test("commands are offered word by word, short forms too", async () => {
  const first = await offered("drover ");
  for (const word of ["agent", "job", "alloc", "node", "run", "version"]) assert.ok(first.includes(word), first.join(" "));
  assert.deepEqual(await offered("drover jo"), ["job"]);
  assert.deepEqual(await offered("drover job st"), ["start", "status", "stop"]);
  assert.deepEqual(await offered("drover nothing-of-the-kind "), []);
});

test("flags are those of the command typed", async () => {
  const jobRun = await offered("drover job run -");
  for (const flag of ["-check-index", "-detach", "-var", "-address", "-help"]) assert.ok(jobRun.includes(flag), jobRun.join(" "));
  assert.ok(!jobRun.includes("-purge"));
  assert.deepEqual(await offered("drover job run -check-index 0 -det"), ["-detach"]);
  assert.deepEqual(await offered("drover stop -pu"), ["-purge"]);
  assert.deepEqual(await offered("drover alloc logs -ta"), ["-tail", "-task"]);
  assert.ok(!(await offered("drover version -")).includes("-address"));
  assert.ok((await offered("drover agent -c")).includes("-config"));
  assert.deepEqual(await offered("drover -autocomplete-i"), ["-autocomplete-install"]);
});

test("ids are asked of the servers; files are left to the shell; an agent that is not there is no failure", async () => {
  assert.deepEqual(await offered("drover job status web"), ["web-search", "web-shop"]);
  assert.deepEqual(await offered("drover job stop -purge b"), ["batch-night"]);
  const [node] = await agent.get<{ ID: string }[]>("/v1/nodes");
  assert.deepEqual(await offered(`drover node status ${node?.ID.slice(0, 4) ?? ""}`), [node?.ID]);
  assert.deepEqual(await offered("drover job run "), []);
  assert.deepEqual(await offered("drover job status web", "http://127.0.0.1:9"), []);
});

test("-autocomplete-install adds its lines once, to the shells that are there, and -uninstall takes them out again", async () => {
  const home = join(own.path, "home");
  mkdirSync(home);
  const files = { ".bashrc": "# mine\nalias ll='ls -l'\n", ".zshrc": "# mine too" };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text);
  const read = (name: string) => readFileSync(join(home, name), "utf8");
  const install = (word: string) => run(LAUNCHER, [`-autocomplete-${word}`], { env: { ...process.env, HOME: home } });

  const first = await install("install");
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /\.bashrc.*\.zshrc.*new shell/);
  const once = [read(".bashrc"), read(".zshrc")] as const;
  assert.ok(
    once[0].startsWith(files[".bashrc"]) && once[0].split("\n").filter((line) => line.startsWith("complete ")).length === 1,
    once[0],
  );
  assert.ok(once[1].startsWith(files[".zshrc"]) && once[1].includes("bashcompinit"), once[1]);
  const second = await install("install");
  assert.deepEqual([second.code, second.stdout], [0, "Nothing to change.\n"]);
  assert.deepEqual([read(".bashrc"), read(".zshrc")], once);

  assert.equal((await install("uninstall")).code, 0);
  assert.deepEqual([read(".bashrc"), read(".zshrc")], [files[".bashrc"], `${files[".zshrc"]}\n`]);
});

test("without a start file one is made for bash; uninstalling from nothing makes none", async () => {
  const home = join(own.path, "empty-home");
  mkdirSync(home);
  const env = { ...process.env, HOME: home };
  assert.equal((await run(LAUNCHER, ["-autocomplete-uninstall"], { env })).stdout, "Nothing to change.\n");
  assert.equal(existsSync(join(home, ".bashrc")), false);
  assert.equal((await run(LAUNCHER, ["-autocomplete-install"], { env })).code, 0);
  assert.match(readFileSync(join(home, ".bashrc"), "utf8"), /^complete .*drover$/m);
});

test("in a real bash, Tab completes: a flag, and a path where nothing is offered", { timeout: 60_000 }, async () => {
  const home = join(own.path, "bash-home");
  mkdirSync(home);
  const env = {
    ...process.env,
    HOME: home,
    NOMAD_ADDR: agent.address,
    PATH: `${join(REPOSITORY, "bin")}:${process.env["PATH"] ?? ""}`,
    INPUTRC: "/dev/null",
    PS1: "$ ",
    TERM: "dumb",
  };
  assert.equal((await run(LAUNCHER, ["-autocomplete-install"], { env })).code, 0);
  writeFileSync(join(home, "only.nomad.hcl"), "");
  const press = async (line: string): Promise<CommandResult> => {
    // Readline completes only on a terminal; script(1) lends one. What bash would run is printed instead.
    const typed = `drover() { echo "<$*>"; }\ncd ~\n${line}\t\n\u0004`;
    return run("script", ["-qec", "bash -i", "/dev/null"], { env, input: typed, timeoutMs: 30_000 });
  };
  const flag = await press("drover job run -chec");
  assert.match(flag.stdout, /<job run -check-index>/, flag.stdout);
  const job = await press("drover job status batch");
  assert.match(job.stdout, /<job status batch-night>/, job.stdout);
  const path = await press("drover job run only");
  assert.match(path.stdout, /<job run only\.nomad\.hcl>/, path.stdout);
});
