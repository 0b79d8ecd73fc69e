/**
 * The real Prometheus for live tests, on a prometheus.yml that finds its targets in Consul or in Drover's API. Debian builds its Prometheus without both
 * discoveries: test/tools/prometheus-sd runs Prometheus' own before it and hands on what they found.
 */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toolPath } from "../../../scripts/tool-path.ts";
import { REPOSITORY, run } from "../real-agent.ts";
import { partProcess, type PartOwner } from "./process.ts";

export interface Prometheus {
  /** "http://127.0.0.1:19090" */
  readonly address: string;
  /** What it scrapes of one job. */
  targets(job: string): Promise<readonly Target[]>;
  /** Its answer to a query that gives one number; undefined: it has none yet. */
  number(query: string): Promise<number | undefined>;
}

export interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}

/** Where the built program is: in this folder. */
export async function buildDiscovery(folder: string): Promise<string> {
  const program = join(folder, "prometheus-sd");
  const cwd = join(REPOSITORY, "test", "tools", "prometheus-sd");
  const built = await run("go", ["build", "-o", program, "."], { cwd, timeoutMs: 240_000 });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  return program;
}

/** Follows `config`, the text of a prometheus.yml, each second; `listen`: "10.1.2.3:19090". */
export async function startPrometheus(
  owner: PartOwner,
  options: { readonly config: string; readonly discovery: string; readonly listen: string },
): Promise<Prometheus> {
  const finder = await partProcess("prometheus-sd", owner);
  const [config, targets] = [join(finder.folder, "found.yml"), join(finder.folder, "targets.json")];
  writeFileSync(config, options.config);
  await finder.start(options.discovery, ["-config", config, "-out", targets], async () => existsSync(targets));

  const part = await partProcess("prometheus", owner);
  const own = join(part.folder, "prometheus.yml");
  writeFileSync(
    own,
    `global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: found\n    file_sd_configs:\n      - files: ["${targets}"]\n        refresh_interval: 1s\n`,
  );
  const address = `http://${options.listen}`;
  const flags = {
    "config.file": own,
    "storage.tsdb.path": join(part.folder, "data"),
    "web.listen-address": options.listen,
    "web.console.templates": part.folder,
    "web.console.libraries": part.folder,
  };
  await part.start(
    toolPath("prometheus"),
    Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    async () => (await fetch(`${address}/-/ready`)).ok,
  );
  const ask = async <T>(path: string): Promise<T> => ((await (await fetch(`${address}/api/v1/${path}`)).json()) as { data: T }).data;
  return {
    address,
    async targets(job) {
      const { activeTargets } = await ask<{ activeTargets: Target[] }>("targets");
      return activeTargets.filter((target) => target.labels["job"] === job);
    },
    async number(query) {
      const { result } = await ask<{ result: { value: [number, string] }[] }>(`query?query=${encodeURIComponent(query)}`);
      assert.ok(result.length <= 1, `${query} has ${result.length} answers`);
      return result[0] === undefined ? undefined : Number(result[0].value[1]);
    },
  };
}
