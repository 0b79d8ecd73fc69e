/**
 * The command line as a person sees it, recorded: each test/scenario/cli/*.txt is a session on one real agent (one after the other),
 * each of cli/closed/*.txt on another one that has access control.
 *
 *   ## a remark
 *   $ drover job status web        typed into sh, in a folder holding test/scenario/cli/files
 *   $ wait web running             not a command: waits until the job's allocations are so ("gone": the job is forgotten; "deployed": its
 *                                  newest deployment has ended; "canaries": that one's canaries are healthy; "childless": none of its
 *                                  children runs)
 *   ----
 *   what both print, and [exit N] unless 0
 *
 * Ids, times, ports, indexes and what depends on the machine's size are replaced by tokens of the same width, so that columns stay
 * columns. DROVER_RECORD=1 writes what is printed now into the files: read the difference before committing it.
 */
import assert from "node:assert/strict";
import { chmodSync, cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, REPOSITORY, run, startRealAgent, temporaryDirectory, type RealAgent } from "../live/real-agent.ts";
import { createMask } from "./cli/mask.ts";

const FOLDER = join(import.meta.dirname, "cli");
const RECORD = process.env["DROVER_RECORD"] === "1";
/** Shell functions a session may use: the id of a job's only (or newest) allocation, first evaluation, newest deployment, of the node; a job's children. `as <file> …`: with the token in it. */
const PRELUDE = `
alloc() { drover operator api "/v1/job/$1/allocations" | node -e 'const all = JSON.parse(require("fs").readFileSync(0)); console.log(all.sort((l, r) => r.CreateIndex - l.CreateIndex)[0].ID)'; }
evaluation() { drover operator api "/v1/job/$1/evaluations" | node -e 'const all = JSON.parse(require("fs").readFileSync(0)); console.log(all.sort((l, r) => l.CreateIndex - r.CreateIndex)[0].ID)'; }
deployment() { drover job deployments -latest -t '{{.ID}}' "$1"; }
children() { drover operator api "/v1/jobs?prefix=$1/" | node -e 'for (const job of JSON.parse(require("fs").readFileSync(0)).sort((l, r) => l.CreateIndex - r.CreateIndex)) console.log(job.ID)'; }
as() { NOMAD_TOKEN=$(cat "$1"); export NOMAD_TOKEN; shift; drover "$@"; }
node_id() { drover node status -t '{{range .}}{{.ID}}{{end}}'; }
`;

const own = temporaryDirectory("scenario-cli");
let agent: RealAgent;
let closed: RealAgent;

before(async () => {
  // The packed program says the same and starts four times as fast.
  const packed = await run(process.execPath, [join(REPOSITORY, "scripts", "pack.ts"), join(own.path, "dist")], { timeoutMs: 120_000 });
  assert.equal(packed.code, 0, packed.stderr);
  mkdirSync(join(own.path, "bin"));
  const program = join(own.path, "bin", "drover");
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${join(own.path, "dist", "main.js")} "$@"\n`);
  chmodSync(program, 0o755);
  cpSync(join(FOLDER, "files"), join(own.path, "work"), { recursive: true });
  agent = await startRealAgent({
    config: {
      "10-all.hcl":
        'name = "node-one"\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\nclient {\n  enabled = true\n  network_interface = "lo"\n  cpu_total_compute = 4000\n  memory_total_mb = 4096\n  options = {\n    "driver.allowlist" = "raw_exec"\n  }\n}\nplugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n',
    },
  });
  closed = await startRealAgent({
    config: { "10-all.hcl": 'name = "node-two"\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\nacl {\n  enabled = true\n}\n' },
    ready: false,
  });
  await eventually("the closed agent to lead", async () => (await fetch(`${closed.address}/v1/status/leader`)).ok);
});
after(async () => {
  own.remove();
  await Promise.all([agent?.remove(), closed?.remove()]);
});

interface DeploymentSeen {
  readonly Status: string;
  readonly TaskGroups: Readonly<Record<string, { readonly DesiredCanaries: number; readonly HealthyAllocs: number }>>;
}

/** "web running", "web dead", "web gone". */
async function wait(job: string, wanted: string): Promise<void> {
  await eventually(`job ${job} to be ${wanted}`, async () => {
    if (wanted === "gone") return (await agent.request(`/v1/job/${job}`)).status === 404;
    if (wanted === "childless") {
      return (await agent.get<{ Status: string }[]>(`/v1/jobs?prefix=${job}/`)).every((each) => each.Status === "dead");
    }
    const evaluations = await agent.get<{ Status: string; WaitUntil: string | null }[]>(`/v1/job/${job}/evaluations`);
    if (evaluations.some((each) => each.Status === "pending" && each.WaitUntil === null)) return false;
    if (wanted === "deployed" || wanted === "canaries") {
      const latest = await agent.get<DeploymentSeen | null>(`/v1/job/${job}/deployment`);
      if (wanted === "deployed") return latest !== null && latest.Status !== "running" && latest.Status !== "paused";
      const groups = Object.values(latest?.TaskGroups ?? {});
      return groups.some((each) => each.DesiredCanaries > 0) && groups.every((each) => each.HealthyAllocs >= each.DesiredCanaries);
    }
    const allocations = await agent.get<{ ClientStatus: string; DesiredStatus: string; Events?: unknown }[]>(`/v1/job/${job}/allocations`);
    if (wanted === "stopped") return allocations.every((each) => each.ClientStatus === "complete" || each.ClientStatus === "failed");
    const current = allocations.filter((each) => each.DesiredStatus === "run");
    const replaced = allocations.filter((each) => each.DesiredStatus !== "run").every((each) => each.ClientStatus !== "running");
    return replaced && current.length > 0 && current.every((each) => each.ClientStatus === wanted);
  });
}

async function answer(command: string, on: RealAgent): Promise<string> {
  const waiting = /^wait (\S+) (\S+)$/.exec(command);
  if (waiting !== null) {
    await wait(waiting[1] as string, waiting[2] as string);
    return "";
  }
  const env = {
    PATH: `${join(own.path, "bin")}:${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`,
    HOME: own.path,
    NOMAD_ADDR: on.address,
    TZ: "UTC",
    LC_ALL: "C",
  };
  const { code, stdout } = await run("sh", ["-c", `${PRELUDE}\nexec 2>&1\n${command}`], {
    cwd: join(own.path, "work"),
    env,
    timeoutMs: 30_000,
  });
  return stdout.replace(/\n$/, "") + (code === 0 ? "" : `${stdout === "" ? "" : "\n"}[exit ${code}]`);
}

interface Step {
  readonly remarks: string;
  readonly command: string;
  /** As recorded. */
  readonly printed: string;
}

/** Remarks stand right above a command; a line of output never begins with "$ " or "## ". */
function stepsOf(text: string): Step[] {
  const steps: { remarks: string; command: string; printed: string }[] = [];
  let remarks = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("$ ")) {
      steps.push({ remarks, command: line.slice(2), printed: "" });
      remarks = "";
    } else if (line.startsWith("## ")) remarks += `${line}\n`;
    else if (line !== "----") (steps.at(-1) ?? { printed: "" }).printed += `${line}\n`;
  }
  return steps;
}

/** After a session that broke off: its jobs would stand in what the next one prints, or find no room. */
async function clear(on: RealAgent): Promise<void> {
  const jobs = await on.get<{ ID: string; Namespace: string }[]>("/v1/jobs?namespace=*");
  for (const { ID, Namespace } of jobs) {
    await on.request(`/v1/job/${encodeURIComponent(ID)}?purge=true&no_shutdown_delay=true&namespace=${Namespace}`, { method: "DELETE" });
  }
  for (const { ID } of jobs) await wait(ID, "gone");
  for (const { ID } of await on.get<{ ID: string }[]>("/v1/nodes")) {
    await on.request(`/v1/node/${ID}/drain`, { method: "PUT", body: JSON.stringify({ DrainSpec: null, MarkEligible: true }) });
    await on.request(`/v1/node/${ID}/eligibility`, { method: "PUT", body: JSON.stringify({ Eligibility: "eligible" }) });
  }
  await eventually("nothing of them to be left", async () => {
    await on.request("/v1/system/gc", { method: "PUT" });
    return (await on.get<unknown[]>("/v1/allocations?namespace=*")).length === 0;
  });
}

for (const path of [...globSync("*.txt", { cwd: FOLDER }).toSorted(), ...globSync("closed/*.txt", { cwd: FOLDER }).toSorted()]) {
  test(`the session ${basename(path, ".txt")} prints what is recorded`, { timeout: 240_000 }, async (t) => {
    const on = path.startsWith("closed/") ? closed : agent;
    const mask = createMask({ port: on.port, directory: own.path });
    const parts: string[] = [];
    let whole = false;
    t.after(async () => {
      if (!whole && on === agent) await clear(on);
    });
    for (const { remarks, command, printed } of stepsOf(readFileSync(join(FOLDER, path), "utf8"))) {
      const now = mask(await answer(command, on)).trimEnd();
      parts.push(`${remarks}$ ${command}\n----\n${now === "" ? "" : `${now}\n`}`);
      if (!RECORD) assert.equal(`$ ${command}\n${now}`, `$ ${command}\n${printed.trimEnd()}`);
    }
    if (RECORD) writeFileSync(join(FOLDER, path), parts.join("\n"));
    whole = true;
  });
}
