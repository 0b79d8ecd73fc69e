/** Where planted-secrets.test.ts plays: PostgreSQL, Consul and OpenBao, and an agent at log level TRACE whose every folder is its own. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { startStack } from "../../../scripts/stack.ts";
import { freePort, run, startRealAgent, temporaryDirectory, type CommandResult, type RealAgent } from "../real-agent.ts";
import { Marks } from "./marks.ts";
import { plantEverywhere } from "./planted-job.ts";
import { startPostgres } from "./postgres.ts";

export interface PlantedWorld {
  readonly agent: RealAgent;
  /** Holds everything of the agent's: its data, its home, where it puts temporary files. */
  readonly folder: string;
  /** For what the test itself writes and keeps. */
  readonly scratch: string;
  readonly marks: Marks;
  /** What the command said, kept for the search. */
  cli(...words: readonly string[]): Promise<CommandResult>;
  bao(path: string, body: unknown): Promise<unknown>;
  consul(path: string, body: string): Promise<unknown>;
  /** Everything anybody was told so far, by what was asked. */
  readonly said: { readonly what: string; readonly content: string | Uint8Array }[];
  readonly stack: {
    readonly consul: { readonly address: string; readonly token: string };
    readonly openbao: { readonly address: string; readonly token: string };
  };
}

const CONFIGURATION = `log_level = "TRACE"
enable_debug = true
server {
  enabled          = true
  bootstrap_expect = 1
}
client {
  enabled = true
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
telemetry {
  publish_allocation_metrics = true
  publish_node_metrics       = true
  prometheus_metrics         = true
}
`;

export async function startPlantedWorld(t: TestContext): Promise<PlantedWorld> {
  const scratch = temporaryDirectory("planted");
  t.after(() => scratch.remove());
  const marks = new Marks();
  const port = await freePort();
  const stack = await startStack(scratch.path, `http://127.0.0.1:${port}`, new AbortController().signal);
  t.after(() => stack.stop());
  const postgres = await startPostgres({ owner: t });
  marks.learn("consul token of the agent", /token +=\s*"([^"]+)"/.exec(stack.configuration)?.[1] ?? "");
  const own = join(scratch.path, "agent-home");
  mkdirSync(own);
  const agent = await startRealAgent({
    port,
    config: { "10-all.hcl": CONFIGURATION, "20-stack.hcl": stack.configuration },
    environment: {
      HOME: own,
      TMPDIR: own,
      PLANTED_PASSWORD: marks.plant("a password in the agent's environment"),
      VAULT_TOKEN: marks.plant("a vault token in the agent's environment"),
    },
  });
  t.after(() => agent.remove());
  const bao: PlantedWorld["bao"] = (path, body) =>
    put(`${stack.openbao.address}/v1/${path}`, { "X-Vault-Token": stack.openbao.token }, JSON.stringify(body));
  const consul: PlantedWorld["consul"] = (path, body) =>
    put(`${stack.consul.address}/v1/kv/${path}`, { "X-Consul-Token": stack.consul.token }, body);
  await stack.trustAgent();
  await plantEverywhere(marks, {
    bao,
    consul,
    variable: (path, Items) => put(`${agent.address}/v1/var/${path}`, {}, JSON.stringify({ Items })),
    database: { port: postgres.port, ...postgres.admin },
  });
  for (const name of ["from a variable file", "from NOMAD_VAR_", "from -var"]) marks.plant(name);
  writeFileSync(join(scratch.path, "secret.vars"), `from_file = "${marks.of("from a variable file")}"\n`, { mode: 0o600 });
  const said: PlantedWorld["said"] = [];
  return {
    agent,
    folder: dirname(agent.dataDirectory),
    scratch: scratch.path,
    marks,
    bao,
    consul,
    said,
    stack,
    async cli(...words) {
      const result = await run(process.execPath, [join(import.meta.dirname, "../../../src/main.ts"), ...words], {
        cwd: scratch.path,
        env: { ...process.env, HOME: own, TMPDIR: own, NOMAD_ADDR: agent.address, NOMAD_VAR_from_environment: marks.of("from NOMAD_VAR_") },
      });
      said.push({ what: `drover ${words.join(" ")}`, content: `${result.stdout}\n${result.stderr}` });
      return result;
    },
  };
}

async function put(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<void> {
  const response = await fetch(url, { method: "PUT", headers, body, signal: AbortSignal.timeout(20_000) });
  const text = await response.text();
  assert.ok(response.ok, `${url}: ${response.status} ${text}`);
}
