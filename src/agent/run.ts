/** `drover agent`: read the configuration, start, say so, and stay until told to stop. Exit code 0 after a stop, 1 for a start that failed. */
import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { NamedError, VERSION, messageOf } from "#std";
import { AGENT_FLAGS, ConfigError, loadConfig, machineConfigDisk, parseAgentFlags, type AgentFlags, type Config } from "./config/mod.ts";
import { networkAddressesOfMachine } from "./host-facts.ts";
import { createLog, type AgentLog } from "./log.ts";
import type { RunningAgent } from "./wire.ts";

export async function runAgent(words: readonly string[]): Promise<number> {
  if (words.some((word) => /^--?(h|help)$/.test(word))) {
    process.stdout.write(help());
    return 0;
  }
  // Closing waits for workers that do not hold the process by themselves.
  const alive = setInterval(() => undefined, 2 ** 30);
  let temporary: string | undefined;
  const temporaryDirectory = () => (temporary ??= mkdtempSync(join(tmpdir(), "drover-dev-")));
  try {
    const flags = parseAgentFlags(words);
    const load = () => loadConfig(surroundings(flags, temporaryDirectory));
    const config = load();
    const log = createLog({
      level: config.log.level,
      json: config.log.json,
      output: (line) => process.stdout.write(line),
      now: () => new Date(),
    });
    // Listened for from here on: told to stop while it starts, it starts up and stops in order, and leaves nothing.
    const running: { agent?: RunningAgent } = {};
    const stopped = untilStopped(log, load, (next) => running.agent?.reload(next));
    if (!config.log.json) process.stdout.write(`==> Starting Drover agent...\n`);
    // Loaded when there is something to start: help and a refused configuration answer at once.
    const { startAgent } = await import("./wire.ts");
    const agent = await startAgent(config, { log, environment: process.env });
    running.agent = agent;
    if (!config.log.json) process.stdout.write(banner(config, agent));
    log.write("INFO", "agent", "agent started", {
      version: VERSION.drover,
      http: agent.httpAddresses.join(" "),
      server: config.server.enabled,
      client: config.client.enabled,
      data_dir: config.dataDirectory,
    });
    speakOnce(config, log);
    void speakOfNetworks(config, agent, log);
    const signal = await stopped;
    const leaves = signal === "SIGINT" ? config.leaveOnInterrupt : config.leaveOnTerminate;
    log.write(
      "INFO",
      "agent",
      config.dev ? "stopping, with every task" : leaves ? "leaving the other servers; tasks run on" : "stopping; tasks run on",
    );
    await agent.close({ stopTasks: config.dev, leaves });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    complain(error);
    return 1;
  } finally {
    clearInterval(alive);
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
}

function surroundings(flags: AgentFlags, temporaryDirectory: () => string) {
  return {
    flags,
    disk: machineConfigDisk,
    workingDirectory: process.cwd(),
    hostName: hostname(),
    networkAddresses: networkAddressesOfMachine(),
    temporaryDirectory,
    environment: process.env,
  };
}

/** Resolves at SIGTERM or SIGINT; SIGHUP reads the configuration again. */
function untilStopped(
  log: AgentLog,
  load: () => Config,
  reload: (next: Config) => Promise<void> | undefined,
): Promise<"SIGINT" | "SIGTERM"> {
  const again = async (): Promise<void> => {
    try {
      const next = load();
      await reload(next);
      log.setLevel(next.log.level);
      log.write("INFO", "agent", "configuration read again; log level and certificates are taken over, everything else needs a restart", {
        log_level: next.log.level,
      });
    } catch (error) {
      log.write("ERROR", "agent", "configuration could not be read again, the old one stays", { error });
    }
  };
  process.on("SIGHUP", () => void again());
  return new Promise((resolve) => {
    let told = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        // Whoever asks twice means now; what is left is found again at the next start.
        if (told) process.exit(1);
        told = true;
        log.write("INFO", "agent", "caught signal", { signal });
        resolve(signal);
      });
    }
  });
}

function speakOnce(config: Config, log: AgentLog): void {
  for (const warning of config.warnings) log.write("WARN", "agent", warning);
  if (config.notYet.length > 0)
    log.write("WARN", "agent", "these keys have no effect in this version yet", { keys: config.notYet.join("; ") });
}

/** What networks and the mesh lack here: what was configured and is not there is told at once, the rest in one line. Of no weight for the start. */
async function speakOfNetworks(config: Config, agent: RunningAgent, log: AgentLog): Promise<void> {
  const findings = await agent.client?.services.preflight().catch(() => []);
  const missing = (findings ?? []).filter((each) => each.standing === "missing");
  const wanted = new Set([
    ...(hasKey(config.written["client"], "cni_path") ? ["cni-plugins"] : []),
    ...(config.client.network.envoyPath === "" ? [] : ["envoy"]),
  ]);
  for (const each of missing.filter(({ what }) => wanted.has(what))) log.write("WARN", "agent", each.problem, { fix: each.fix });
  const others = missing.filter(({ what }) => !wanted.has(what)).map(({ what }) => what);
  if (others.length > 0)
    log.write("INFO", "agent", 'networks of allocations and the mesh lack something here: "drover check mesh" says what to do', {
      missing: others.join(","),
    });
}

function hasKey(tree: unknown, name: string): boolean {
  return typeof tree === "object" && tree !== null && Object.hasOwn(tree, name);
}

function banner(config: Config, agent: RunningAgent): string {
  const rows: [string, string][] = [
    ["Advertise Addrs", `HTTP: ${config.advertise.http}; RPC: ${config.advertise.rpc}; Serf: ${config.advertise.serf}`],
    ["Bind Addrs", `HTTP: [${agent.httpAddresses.join(" ")}]${agent.rpcAddress === undefined ? "" : `; RPC: ${agent.rpcAddress}`}`],
    ["Client", String(config.client.enabled)],
    ["Data Directory", config.dataDirectory],
    ["Log Level", config.log.level],
    ["Node Id", agent.client?.nodeId ?? "none"],
    ["Region", `${config.region} (DC: ${config.datacenter})`],
    ["Server", String(config.server.enabled)],
    ["Version", `${VERSION.drover} (speaks Nomad ${VERSION.nomad})`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const files = config.files.length === 0 ? "No configuration files loaded" : `Loaded configuration from ${config.files.join(", ")}`;
  return `==> ${files}
==> Drover agent configuration:

${rows.map(([name, value]) => `       ${name.padStart(width)}: ${value}`).join("\n")}

==> Drover agent started! Log data will stream in below:

`;
}

function complain(error: unknown): void {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    return;
  }
  process.stderr.write(`==> Cannot start agent: ${messageOf(error)}\n`);
  if (error instanceof NamedError && error.fix !== undefined) process.stderr.write(`${error.fix}\n`);
  if (!(error instanceof NamedError) && process.env["DROVER_DEBUG"] === "1") process.stderr.write(`${(error as Error).stack ?? ""}\n`);
}

function help(): string {
  const flags = Object.entries(AGENT_FLAGS)
    .filter(([, flag]) => flag.refused === undefined && !flag.about.startsWith("Not used"))
    .map(
      ([name, flag]) =>
        `  -${name}${flag.shape === "switch" ? "" : `=<${flag.shape === "pair" ? "key=value" : flag.shape === "whole" ? "number" : "value"}>`}\n      ${flag.about}`,
    );
  return `Usage: drover agent [options]\n\n  Runs an agent: a server, a node (client), or both, until it is told to stop.\n\nOptions:\n${flags.join("\n")}\n`;
}
