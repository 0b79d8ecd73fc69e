/**
 * Records the shapes of Nomad's own answers in recorded.txt: `node test/tools/api-oracle/record.ts`, as root. Needs Nomad's program
 * (`npm run tools -- nomad`). Its agent runs in a network of its own, which goes with it.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolPath } from "../../../scripts/tool-path.ts";
import { play } from "./play.ts";
import { written } from "./shape.ts";
import { STEPS } from "./steps.ts";

const INSIDE = "DROVER_ORACLE_INSIDE";
if (process.env[INSIDE] === undefined) {
  // The same again, in a network of its own.
  execFileSync("unshare", ["--net", "--", process.execPath, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, [INSIDE]: "1" },
  });
} else {
  await record();
}

async function record(): Promise<void> {
  execFileSync("ip", ["link", "set", "lo", "up"]);
  const folder = mkdtempSync(join(tmpdir(), "api-oracle-"));
  const config = join(folder, "agent.hcl");
  // The clouds' fingerprints look for addresses that no network of its own has, and the proxies' certificates are none of its business.
  writeFileSync(
    config,
    `client {
  network_interface = "lo"
  cgroup_parent     = "api-oracle.slice"
  options { "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean" }
}
plugin "raw_exec" {
  config { enabled = true }
}
log_level = "WARN"
acl { enabled = true }
telemetry { prometheus_metrics = true }
`,
  );
  const { AWS_CA_BUNDLE: _, ...env } = process.env;
  const agent = spawn(toolPath("nomad"), ["agent", "-dev", "-config", config], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(agent, "exit");
  let printed = "";
  for (const stream of [agent.stdout, agent.stderr]) stream.on("data", (part: Buffer) => (printed += part.toString()));
  try {
    const { answers, waited } = await play(STEPS, "http://127.0.0.1:4646");
    const file = join(import.meta.dirname, "recorded.txt");
    writeFileSync(file, written(answers));
    console.log(`${answers.size} answers in ${file}`, Object.fromEntries(waited));
  } catch (error) {
    console.error(printed.slice(-5000));
    throw error;
  } finally {
    agent.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}
