/**
 * `drover operator debug`: what somebody who helps from afar needs, in one archive. nomad.md §4.2, §4.3.
 *
 *   begin ── cluster/*.json        who is there, how they are, how they are set (secrets blanked by the agent)
 *     ├─ every -interval ── state/NNNN/*.json      jobs, nodes, allocations, evaluations, deployments, metrics
 *     ├─ mesh/*.json         what each node lacks for networks and the mesh, how proxies stand
 *     ├─ at the beginning and the end ── consul/N/*.json, vault/N/*.json   where one is named
 *     ├─ meanwhile ── monitor.log, events.json, profile/*.json (with enable_debug)
 *   end (-duration, or Ctrl-C) ── index.json       what was asked, and what could not be had
 *
 * How many things its templates look at, readers, leases: among the `client` figures of each round's agent.json.
 *
 * Exit code 2 when a part could not be had: the rest is in the archive.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { messageOf, tarOf } from "#std";
import type { Command, Context } from "../command.ts";
import { consulOf } from "../consul-address.ts";
import type { OpenedParts } from "../debug-stack.ts";
import { UsageError, type ParsedFlags } from "../flags.ts";
import { noArguments } from "../only-argument.ts";
import { keyValues } from "../render/columns.ts";
import { vaultOf, vaultTokenOf } from "../vault-address.ts";

const PARTIAL = 2;
/** Of the log and of the events each: what comes later is left out, and said to be. */
const STREAM_BYTES_MAX = 64 * 1024 * 1024;

/** Nodes, and allocations with proxies, that are asked how they stand. */
const MESH_ASKED_MAX = 50;

const CLUSTER = {
  "agent-self": "/v1/agent/self",
  "agent-health": "/v1/agent/health",
  members: "/v1/agent/members",
  leader: "/v1/status/leader",
  peers: "/v1/status/peers",
  regions: "/v1/regions",
  schedulers: "/v1/agent/schedulers",
  "raft-configuration": "/v1/operator/raft/configuration",
  "autopilot-health": "/v1/operator/autopilot/health",
  "scheduler-configuration": "/v1/operator/scheduler/configuration",
  namespaces: "/v1/namespaces",
  "node-pools": "/v1/node/pools",
} as const;

const STATE = {
  jobs: "/v1/jobs?namespace=*",
  nodes: "/v1/nodes?resources=true",
  allocations: "/v1/allocations?namespace=*&resources=true",
  evaluations: "/v1/evaluations?namespace=*",
  deployments: "/v1/deployments?namespace=*",
  metrics: "/v1/metrics",
  agent: "/v1/agent/self",
} as const;

/** Taken for scripts' sake. */
const WITHOUT_EFFECT = ["log-include-location", "max-nodes", "node-id", "node-class", "pprof-interval"];

export const operatorDebug: Command = {
  usage: "operator debug [options]",
  about:
    "Gathers the state of the cluster, metrics, log and events for a while into an archive, and how Consul and Vault are where one is named. " +
    "Ctrl-C ends it early; what was gathered is written. Exit code 2: a part could not be had, the others are in it. No token, variable or secret " +
    "is in it; look through it before you hand it on: jobs are, as they were written.\n\n" +
    "Consul and Vault are found, as by their own command lines, by CONSUL_HTTP_ADDR, VAULT_ADDR and what goes with them; flags come first.",
  connects: true,
  flags: {
    duration: { kind: "duration", value: "duration", about: "How long (default 5m)" },
    interval: { kind: "duration", value: "duration", about: "How often the state is taken (default 30s)" },
    "log-level": { kind: "text", value: "level", about: "Of the log (default TRACE)" },
    "log-include-location": { kind: "boolean", about: "Taken, without effect: the log names no places in the program" },
    "max-nodes": { kind: "whole", value: "count", about: "At most so many nodes (comes with the cluster: the agent asked is looked into)" },
    "node-id": { kind: "text", value: "nodes", about: "These nodes (comes with the cluster: the agent asked is looked into)" },
    "node-class": { kind: "text", value: "class", about: "Nodes of this class (comes with the cluster: the agent asked is looked into)" },
    "server-id": { kind: "text", value: "servers", about: 'These servers, by name, with commas between; "leader"; default: "all"' },
    stale: { kind: "boolean", about: "Ask any server, even when none leads" },
    "event-topic": { kind: "text", value: "topics", about: 'Events to gather, with commas between (default "*:*"; "none")' },
    "pprof-duration": { kind: "duration", value: "duration", about: "Of a processor profile (default 1s; 0: none)" },
    "pprof-interval": { kind: "duration", value: "duration", about: "Taken, without effect: one profile is taken" },
    "consul-http-addr": {
      kind: "text",
      value: "address",
      about: "Consul, to be asked how it is (default CONSUL_HTTP_ADDR; else nobody is)",
    },
    "consul-token": { kind: "text", value: "token", about: "For Consul (default CONSUL_HTTP_TOKEN): node, agent and service read" },
    "vault-address": { kind: "text", value: "address", about: "Vault, to be asked how it is (default VAULT_ADDR; else nobody is)" },
    "vault-token": {
      kind: "text",
      value: "token",
      about: "For Vault (default VAULT_TOKEN): its auth methods and mounts by name; without, only its health",
    },
    output: { kind: "text", value: "folder", about: "A folder inside this one instead of an archive" },
    verbose: { kind: "boolean", about: "Say what is done" },
  },
  async run(context) {
    noArguments(context);
    const { flags, terminal } = context;
    const durationMs = milliseconds(flags, "duration", 300_000);
    const intervalMs = milliseconds(flags, "interval", 30_000);
    if (intervalMs <= 0 || intervalMs > durationMs) throw new UsageError("-interval must be more than 0 and at most -duration");
    const without = WITHOUT_EFFECT.filter((name) => flags.given(name));
    if (without.length > 0)
      terminal.complain(`Warning: no effect yet: ${without.map((name) => `-${name}`).join(", ")}; the agent asked is looked into (see -h)`);
    const began = new Date(context.nowMs());
    const name = `drover-debug-${began.toISOString().slice(0, 19).replaceAll(":", "")}Z`;
    terminal.print("Starting debugger...\n");
    terminal.print(
      keyValues([
        ["Agent", context.api.address],
        ["Interval", `${intervalMs / 1000}s`],
        ["Duration", `${durationMs / 1000}s`],
      ]),
    );
    const capture = new Capture(context);
    const stack = await openStack(context, capture);
    try {
      await Promise.all([capture.all("cluster", CLUSTER), takeMesh(context, capture), stack.take(0)]);
      await gather(context, capture, { durationMs, intervalMs });
      await stack.take(1);
    } finally {
      stack.close();
    }
    capture.index({
      Began: began.toISOString(),
      Ended: new Date(context.nowMs()).toISOString(),
      DurationMs: durationMs,
      IntervalMs: intervalMs,
    });
    terminal.print(`\nCreated debug ${write(flags.text("output"), name, capture, context.nowMs())}`);
    if (capture.failures.length === 0) return 0;
    terminal.complain(`${capture.failures.length} parts could not be had:\n${capture.failures.map((each) => `  * ${each}`).join("\n")}`);
    return PARTIAL;
  },
};

function milliseconds(flags: ParsedFlags, name: string, otherwise: number): number {
  const ns = flags.duration(name);
  return ns === undefined ? otherwise : ns / 1e6;
}

interface Stack {
  /** `round`: names its folder. */
  take(round: number): Promise<void>;
  close(): void;
}

/** Consul and Vault, where one is named. One whose address is none is a part that cannot be had. */
async function openStack({ flags, environment }: Context, capture: Capture): Promise<Stack> {
  const given = (flag: string, variable: string): Readonly<Record<string, string>> => {
    const text = flags.text(flag);
    return text === undefined ? {} : { [variable]: text };
  };
  const asked = {
    ...environment,
    ...given("consul-http-addr", "CONSUL_HTTP_ADDR"),
    ...given("consul-token", "CONSUL_HTTP_TOKEN"),
    ...given("vault-address", "VAULT_ADDR"),
    ...given("vault-token", "VAULT_TOKEN"),
  };
  const isNamed = (variable: string): boolean => (asked[variable] ?? "") !== "";
  const opened: (OpenedParts & { readonly folder: string })[] = [];
  if (!isNamed("CONSUL_HTTP_ADDR") && !isNamed("VAULT_ADDR")) return { take: async () => undefined, close: () => undefined };
  const { consulParts, vaultParts } = await import("../debug-stack.ts");
  await capture.part("consul", () => {
    if (isNamed("CONSUL_HTTP_ADDR")) opened.push({ folder: "consul", ...consulParts(consulOf(asked)) });
  });
  await capture.part("vault", () => {
    if (isNamed("VAULT_ADDR")) opened.push({ folder: "vault", ...vaultParts(vaultOf(asked), vaultTokenOf(asked)) });
  });
  return {
    async take(round) {
      await Promise.all(
        opened.flatMap(({ folder, parts }) =>
          Object.entries(parts).map(([name, take]) => capture.json(`${folder}/${String(round).padStart(4, "0")}/${name}.json`, take)),
        ),
      );
    },
    close: () => opened.forEach((each) => each.close()),
  };
}

/** What each node's machine lacks, and how the proxies of its allocations stand. */
async function takeMesh({ api }: Context, capture: Capture): Promise<void> {
  await capture.part("mesh", async () => {
    const [{ value: nodes }, { value: allocations }] = await Promise.all([api.nodes.list(), api.allocations.list({ namespace: "*" })]);
    const ready = nodes.filter((each) => each.Status === "ready").slice(0, MESH_ASKED_MAX);
    const proxied = allocations
      .filter((each) => each.ClientStatus === "running" && Object.keys(each.TaskStates ?? {}).some((task) => task.startsWith("connect-")))
      .slice(0, MESH_ASKED_MAX);
    await Promise.all([
      ...ready.map((each) => capture.json(`mesh/node-${each.ID}.json`, async () => (await api.nodes.preflight(each.ID)).value)),
      ...proxied.map((each) => capture.json(`mesh/allocation-${each.ID}.json`, async () => (await api.allocations.mesh(each.ID)).value)),
    ]);
  });
}

async function gather(
  context: Context,
  capture: Capture,
  time: { readonly durationMs: number; readonly intervalMs: number },
): Promise<void> {
  const { api, flags, interrupted } = context;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, interrupted]);
  const topics = (flags.text("event-topic") ?? "*:*").split(",").map((topic) => (topic.includes(":") ? topic : `${topic}:*`));
  const servers = await serversMeant(context, capture);
  const streams = [
    ...servers.map((server) =>
      capture.stream(`server/${server}/monitor.log`, signal, () =>
        api.agent.monitor({ logLevel: flags.text("log-level") ?? "TRACE" }, { signal, parameters: { server_id: server } }),
      ),
    ),
    capture.stream("monitor.log", signal, () => api.agent.monitor({ logLevel: flags.text("log-level") ?? "TRACE" }, { signal })),
    ...(topics.includes("none:*")
      ? []
      : [
          capture.stream("events.json", signal, () =>
            api.request.bytes("/v1/event/stream", { signal, parameters: { topic: topics, namespace: "*" } }),
          ),
        ]),
    capture.profiles(milliseconds(flags, "pprof-duration", 1000)),
  ];
  const endMs = context.nowMs() + time.durationMs;
  for (let round = 0; !interrupted.aborted && context.nowMs() < endMs; round++) {
    await capture.all(`state/${String(round).padStart(4, "0")}`, STATE);
    const restMs = Math.min(time.intervalMs, endMs - context.nowMs());
    if (restMs > 0) await pause(restMs, undefined, { signal: interrupted }).catch(() => undefined);
  }
  over.abort();
  await Promise.all(streams);
}

/** Whose log is followed besides that of the agent asked: nobody's where it is the one server there is. */
async function serversMeant({ api, flags }: Context, capture: Capture): Promise<readonly string[]> {
  const asked = flags.text("server-id") ?? "all";
  if (asked !== "all") return asked.split(",").filter((name) => name !== "");
  const names: string[] = [];
  await capture.part("server", async () => {
    const { value } = await api.agent.members();
    names.push(...value.Members.filter(({ Status }) => Status === "alive").map(({ Name }) => Name));
  });
  return names.length > 1 ? names : [];
}

function write(output: string | undefined, name: string, capture: Capture, nowMs: number): string {
  if (output === undefined) {
    const files = capture.files.map((file) => ({ ...file, name: `${name}/${file.name}` }));
    writeFileSync(`${name}.tar.gz`, gzipSync(tarOf(files, nowMs)), { mode: 0o600, flag: "wx" });
    return `archive: ${name}.tar.gz`;
  }
  for (const file of capture.files) {
    const path = join(output, name, file.name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, file.content, { mode: 0o600 });
  }
  return `directory: ${join(output, name)}`;
}

/** What has been gathered, and what could not be. A part that fails leaves the others alone. */
class Capture {
  readonly files: { readonly name: string; readonly content: Buffer }[] = [];
  readonly failures: string[] = [];
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async all(folder: string, paths: Readonly<Record<string, string>>): Promise<void> {
    const stale = this.#context.flags.flag("stale");
    await Promise.all(
      Object.entries(paths).map(([name, path]) =>
        this.json(`${folder}/${name}.json`, async () => {
          const [plain, query] = path.split("?") as [string, string | undefined];
          const { value } = await this.#context.api.request.get(plain, {
            stale,
            parameters: Object.fromEntries(new URLSearchParams(query)),
          });
          return value;
        }),
      ),
    );
  }

  async stream(name: string, signal: AbortSignal, open: () => Promise<AsyncIterable<Uint8Array>>): Promise<void> {
    const parts: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const data of await open()) {
        size += data.length;
        if (size > STREAM_BYTES_MAX) {
          this.failures.push(`${name}: cut off at ${STREAM_BYTES_MAX} bytes`);
          break;
        }
        parts.push(data);
      }
    } catch (error) {
      if (!signal.aborted) this.failures.push(`${name}: ${messageOf(error)}`);
    }
    this.files.push({ name, content: Buffer.concat(parts) });
  }

  /** The agent shows them with enable_debug only; that it does not is no failure. */
  async profiles(durationMs: number): Promise<void> {
    if (durationMs <= 0) return;
    let shown = false;
    await this.part("profile", async () => {
      const { config } = (await this.#context.api.agent.self()).value;
      shown = config["EnableDebug"] === true || config["enable_debug"] === true;
    });
    if (!shown) return;
    await this.#part("profile/processor.json", async () => {
      const parts: Uint8Array[] = [];
      for await (const data of await this.#context.api.agent.profile("profile", Math.max(1, Math.round(durationMs / 1000))))
        parts.push(data);
      return Buffer.concat(parts);
    });
    await this.json("profile/host.json", async () => (await this.#context.api.agent.host()).value);
  }

  index(facts: Readonly<Record<string, unknown>>): void {
    const files = this.files.map(({ name, content }) => ({ Name: name, Size: content.length }));
    const text = JSON.stringify({ ...facts, Agent: this.#context.api.address, Files: files, Failures: this.failures }, null, 2);
    this.files.push({ name: "index.json", content: Buffer.from(text) });
  }

  async json(name: string, take: () => Promise<unknown>): Promise<void> {
    await this.#part(name, async () => Buffer.from(JSON.stringify((await take()) ?? null, null, 2)));
  }

  /** That it fails is said in the index, and by the exit code. */
  async part(name: string, take: () => void | Promise<void>): Promise<void> {
    try {
      await take();
    } catch (error) {
      this.failures.push(`${name}: ${messageOf(error)}`);
    }
  }

  async #part(name: string, take: () => Promise<Buffer>): Promise<void> {
    await this.part(name, async () => {
      this.files.push({ name, content: await take() });
      if (this.#context.flags.flag("verbose")) this.#context.terminal.print(`    captured ${name}`);
    });
  }
}
