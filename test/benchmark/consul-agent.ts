/** A whole agent on a real Consul: the services of one job into the catalog, back into it after Consul lost everything, and what it asks at rest. */
import { createServer, Agent, request } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startConsul, type RealConsul } from "../live/parts/consul.ts";
import type { PartOwner } from "../live/parts/process.ts";
import { eventually, startRealAgent, type RealAgent } from "../live/real-agent.ts";
import type { Figure } from "./figure.ts";

const ALLOCATIONS = 5;
const SERVICES_EACH = 100;
const SERVICES = ALLOCATIONS * SERVICES_EACH;
const SETTLE_MS = 15_000;
const WATCH_MS = 60_000;

export async function agentOnConsul(owner: PartOwner): Promise<readonly Figure[]> {
  const consul = await startConsul({ owner });
  const proxy = await countingProxy(owner, () => consul.httpPort);
  const agent = await startRealAgent({
    config: {
      "agent.hcl": `server {\n  enabled = true\n}\nclient {\n  enabled = true\n}\nplugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\nconsul {\n  address = "127.0.0.1:${proxy.port}"\n}\n`,
    },
  });
  owner.after(() => agent.remove());

  const registeredMs = await timed(async () => {
    const answer = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job() }) });
    if (!answer.ok) throw new Error(await answer.text());
    await inTheCatalog(consul);
  });
  await settled(agent);
  const before = proxy.requests();
  await sleep(WATCH_MS);
  const perMinute = ((proxy.requests() - before) / WATCH_MS) * 60_000;

  await consul.wipe();
  const restoredMs = await timed(() => inTheCatalog(consul));
  return [
    { bench: `consul: agent, job of ${SERVICES} services → in the catalog`, value: registeredMs, unit: "ms", reference: null, goal: "" },
    { bench: `consul: agent, Consul lost ${SERVICES} services → back`, value: restoredMs, unit: "ms", reference: null, goal: "≤ 30000" },
    { bench: "consul: agent at rest, requests to Consul", value: perMinute, unit: "/min", reference: null, goal: "" },
    {
      bench: "consul: agent at rest, requests per service",
      value: perMinute / SERVICES,
      unit: "/min",
      reference: null,
      goal: "≤ 1",
    },
  ];
}

/** Copies of one listener, each known under many names, with a check by Consul each. */
function job() {
  const program = 'require("node:net").createServer((socket) => socket.end()).listen(Number(process.env.NOMAD_PORT_main), process.env.NOMAD_IP_main)';
  const service = (_: unknown, index: number) => ({
    Name: `name-${index}`,
    PortLabel: "main",
    Provider: "consul",
    Tags: ["bench"],
    Checks: [{ Name: "alive", Type: "tcp", Interval: 30e9, Timeout: 2e9, InitialStatus: "passing" }],
  });
  return {
    ID: "names",
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        Count: ALLOCATIONS,
        EphemeralDisk: { SizeMB: 10 },
        Networks: [{ DynamicPorts: [{ Label: "main" }] }],
        Services: Array.from({ length: SERVICES_EACH }, service),
        Tasks: [
          {
            Name: "t",
            Driver: "raw_exec",
            Config: { command: process.execPath, args: ["-e", program] },
            LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
            Resources: { CPU: 20, MemoryMB: 64 },
          },
        ],
      },
    ],
  };
}

/** Consul's servers know all of them, not its agent alone. */
async function inTheCatalog(consul: RealConsul): Promise<void> {
  await eventually(
    `${SERVICES} services in the catalog`,
    async () => {
      const checks = await consul.get<{ ServiceID: string }[]>("/v1/health/state/any");
      const known = new Set(checks.map(({ ServiceID }) => ServiceID).filter((id) => id.startsWith("_nomad-task-")));
      return known.size === SERVICES;
    },
    120_000,
  );
}

async function settled(agent: RealAgent): Promise<void> {
  await eventually(
    "the deployment to be done",
    async () => (await agent.get<{ Status: string }[]>("/v1/job/names/deployments"))[0]?.Status === "successful",
    120_000,
  );
  await sleep(SETTLE_MS);
}

async function timed(perform: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await perform();
  return performance.now() - started;
}

/** Passes everything on and counts requests; answers that are waited for are passed on as they come. */
async function countingProxy(owner: PartOwner, port: () => number): Promise<{ readonly port: number; requests(): number }> {
  const pool = new Agent({ keepAlive: true });
  let count = 0;
  const server = createServer((asked, answer) => {
    count++;
    const { method, url, headers } = asked;
    const passed = request({ host: "127.0.0.1", port: port(), method, path: url, headers, agent: pool }, (said) => {
      answer.writeHead(said.statusCode ?? 502, said.headers);
      said.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  owner.after(async () => {
    server.closeAllConnections();
    server.close();
    pool.destroy();
  });
  return { port: (server.address() as AddressInfo).port, requests: () => count };
}
