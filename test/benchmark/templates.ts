/**
 * What templates cost on a real Consul: how long a change takes from the key to the process, and what a node asks for a thousand templates.
 * Nomad's figures are its defaults (nomad.md §5.3): a change waits 5 s for more; each task has a watcher of its own, whose waiting reads end after
 * five minutes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startConsul, type RealConsul } from "../live/parts/consul.ts";
import { suiteOwner } from "../live/parts/consul-window.ts";
import type { PartOwner } from "../live/parts/process.ts";
import { eventually, startRealAgent, temporaryDirectory, type RealAgent } from "../live/real-agent.ts";
import { countingProxy, type CountingProxy } from "./counting-proxy.ts";
import { percentile, type Benchmark, type Figure } from "./figure.ts";
import { costOf } from "./process-cost.ts";
import { KEYS, manyTemplates, settled, submit, TEMPLATES } from "./template-jobs.ts";

const CHANGES = 50;
const SETTLE_MS = 5_000;
const WATCH_MS = 60_000;
const MANY_CHANGES = 10;
const NOMAD_WAIT_MS = 5_000;
const NOMAD_BLOCKING_MINUTES = 5;

export const templates: Benchmark = {
  name: "templates",
  about: `${CHANGES} changes until the process has its signal, ${TEMPLATES} templates over ${KEYS} keys, on a real Consul (3 minutes)`,
  async run() {
    const actions: (() => Promise<void>)[] = [];
    const owner = suiteOwner((remove) => void actions.push(remove));
    try {
      const consul = await startConsul({ owner });
      const proxy = await countingProxy(owner, () => consul.httpPort);
      const enabled = "{\n  enabled = true\n}\n";
      const agent = await startRealAgent({
        config: {
          "agent.hcl": `server ${enabled}client ${enabled}plugin "raw_exec" {\n  config ${enabled}}\nconsul {\n  address = "127.0.0.1:${proxy.port}"\n}\n`,
        },
      });
      owner.after(() => agent.remove());
      return [
        ...(await signals(owner, consul, agent, "signal", undefined)),
        ...(await signals(owner, consul, agent, "signal-at-once", { Min: 0, Max: 0 })),
        ...(await many(consul, agent, proxy)),
      ];
    } finally {
      for (const action of actions.reverse()) await action();
    }
  },
};

/** The process says when it was told, and what it read then. */
const LISTENER = `const { appendFileSync, readFileSync } = require("node:fs");
const [, file] = process.argv;
const tell = () => appendFileSync(file, performance.timeOrigin + performance.now() + " " + readFileSync(process.env.NOMAD_TASK_DIR + "/out", "utf8"));
process.on("SIGHUP", tell);
tell();
setInterval(() => {}, 1e6);`;

async function signals(
  owner: PartOwner,
  consul: RealConsul,
  agent: RealAgent,
  id: string,
  wait: object | undefined,
): Promise<readonly Figure[]> {
  const own = temporaryDirectory("templates");
  owner.after(async () => own.remove());
  const file = join(own.path, "told");
  const told = () =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]);
  await consul.put(`/v1/kv/${id}`, "0");
  const template = { EmbeddedTmpl: `{{ key "${id}" }}\n`, DestPath: "local/out", ChangeMode: "signal", ChangeSignal: "SIGHUP", Splay: 0 };
  const task = {
    Name: "t",
    Driver: "raw_exec",
    Config: { command: process.execPath, args: ["-e", LISTENER, file] },
    LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
    Resources: { CPU: 50, MemoryMB: 64 },
    Templates: [{ ...template, ...(wait === undefined ? {} : { Wait: wait }) }],
  };
  await submit(agent, { ID: id, TaskGroups: [{ Name: "g", EphemeralDisk: { SizeMB: 10 }, Tasks: [task] }] });
  await eventually("the process to be there", () => told().length === 1);
  await settled(agent, id);
  const times: number[] = [];
  for (let change = 1; change <= CHANGES; change++) {
    const atMs = performance.timeOrigin + performance.now();
    await consul.put(`/v1/kv/${id}`, String(change));
    await eventually(`change ${change}`, () => told().some(([, value]) => value === String(change)));
    times.push(Number(told().find(([, value]) => value === String(change))?.[0]) - atMs);
  }
  if (told().length !== CHANGES + 1) throw new Error(`${told().length - 1} signals for ${CHANGES} changes`);
  await agent.request(`/v1/job/${id}?purge=true`, { method: "DELETE" });
  const how = wait === undefined ? "" : ", wait 0";
  const reference = wait === undefined ? NOMAD_WAIT_MS : null;
  return (
    [
      ["p50", percentile(times, 50)],
      ["p95", percentile(times, 95)],
      ["max", Math.max(...times)],
    ] as const
  ).map(([what, value]) => ({
    bench: `templates: KV change → file and signal, ${what}${how}`,
    value,
    unit: "ms",
    reference,
    goal: what === "max" ? "" : "≤ 1000",
  }));
}

async function many(consul: RealConsul, agent: RealAgent, proxy: CountingProxy): Promise<readonly Figure[]> {
  for (let key = 0; key < KEYS; key++) await consul.put(`/v1/kv/bench/${key}`, "0");
  const started = performance.now();
  await submit(
    agent,
    manyTemplates("many", (key) => `{{ key "bench/${key}" }}\n`),
  );
  await settled(agent, "many");
  const settledMs = performance.now() - started;
  await sleep(SETTLE_MS);
  const before = proxy.requests();
  const cost = await costOf([agent.pid], WATCH_MS);
  const atRest = ((proxy.requests() - before) / WATCH_MS) * 60_000;
  const [waiting, connections] = [proxy.waiting(), proxy.connections()];
  const beforeChanges = proxy.requests();
  for (let change = 0; change < MANY_CHANGES; change++) {
    await consul.put(`/v1/kv/bench/${change * 5}`, "1");
    await sleep(500);
  }
  await sleep(SETTLE_MS);
  const changed = proxy.requests() - beforeChanges;
  await agent.request("/v1/job/many?purge=true", { method: "DELETE" });
  const name = `templates: ${TEMPLATES} over ${KEYS} keys`;
  return [
    { bench: `${name}: submit → deployment done`, value: settledMs, unit: "ms", reference: null, goal: "" },
    { bench: `${name}: reads that wait in Consul`, value: waiting, unit: "", reference: TEMPLATES, goal: `≤ ${KEYS + 5}` },
    { bench: `${name}: connections to Consul`, value: connections, unit: "", reference: TEMPLATES, goal: `≤ ${KEYS + 10}` },
    { bench: `${name}: requests at rest`, value: atRest, unit: "/min", reference: TEMPLATES / NOMAD_BLOCKING_MINUTES, goal: "≤ 60" },
    {
      bench: `${name}: requests for ${MANY_CHANGES} changes`,
      value: changed,
      unit: "",
      reference: (MANY_CHANGES * TEMPLATES) / KEYS,
      goal: "≤ 40",
    },
    { bench: `${name}: CPU of the agent at rest`, value: cost.cpuPercent, unit: "% of a core", reference: null, goal: "≤ 2" },
    { bench: `${name}: RSS of the agent`, value: cost.residentMb, unit: "MB", reference: null, goal: "" },
  ];
}
