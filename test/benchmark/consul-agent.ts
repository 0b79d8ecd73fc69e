/** A whole agent on a real Consul: the services of one job into the catalog, back into it after Consul lost everything, what it asks at rest. */
import { setTimeout as sleep } from "node:timers/promises";
import { setUpConsul } from "#integrations/consul";
import { connectionTo } from "../live/parts/consul-window.ts";
import { startConsul, type RealConsul } from "../live/parts/consul.ts";
import type { PartOwner } from "../live/parts/process.ts";
import { eventually, startRealAgent, type RealAgent } from "../live/real-agent.ts";
import { countingProxy } from "./counting-proxy.ts";
import type { Figure } from "./figure.ts";

const ALLOCATIONS = 5;
const SERVICES_EACH = 100;
const SERVICES = ALLOCATIONS * SERVICES_EACH;
const SETTLE_MS = 15_000;
const WATCH_MS = 60_000;

/** Everybody may do everything: what registering itself takes. */
export async function agentOnOpenConsul(owner: PartOwner): Promise<readonly Figure[]> {
  const consul = await startConsul({ owner });
  const { agent } = await agentBeside(owner, consul, "");
  const registeredMs = await timed(() => submit(agent, consul));
  await settled(agent);
  await consul.wipe();
  const restoredMs = await timed(() => inTheCatalog(consul));
  await agent.remove();
  await consul.remove();
  return [
    { bench: `consul: agent, job of ${SERVICES} services → in the catalog`, value: registeredMs, unit: "ms", reference: null, goal: "" },
    { bench: `consul: agent, Consul lost ${SERVICES} services → back`, value: restoredMs, unit: "ms", reference: null, goal: "≤ 30000" },
  ];
}

/** Each service with a token of its own, for an identity that the agent signs: what that adds, and what is asked at rest. */
export async function agentOnSecuredConsul(owner: PartOwner): Promise<readonly Figure[]> {
  const consul = await startConsul({ owner, acl: true });
  const identity = '{\n    aud = ["consul.io"]\n    ttl = "1h"\n  }';
  const { agent, requests } = await agentBeside(
    owner,
    consul,
    `  token = "${consul.token}"\n  service_identity ${identity}\n  task_identity ${identity}\n`,
  );
  const jwksUrl = `${agent.address}/.well-known/jwks.json`;
  await setUpConsul(connectionTo(consul, owner), { jwksUrl, jwksCa: "", namespaces: ["default"] });
  const registeredMs = await timed(() => submit(agent, consul));
  await settled(agent);
  const before = requests();
  await sleep(WATCH_MS);
  const perMinute = ((requests() - before) / WATCH_MS) * 60_000;
  await agent.remove();
  await consul.remove();
  return [
    {
      bench: `consul: agent, the same with a token for each service`,
      value: registeredMs,
      unit: "ms",
      reference: null,
      goal: "",
    },
    { bench: `consul: agent with ${SERVICES} services at rest, requests`, value: perMinute, unit: "/min", reference: null, goal: "" },
    {
      bench: "consul: agent at rest, requests per service",
      value: perMinute / SERVICES,
      unit: "/min",
      reference: null,
      goal: "≤ 1",
    },
  ];
}

async function agentBeside(owner: PartOwner, consul: RealConsul, more: string): Promise<{ readonly agent: RealAgent; requests(): number }> {
  const proxy = await countingProxy(owner, () => consul.httpPort);
  const enabled = "{\n  enabled = true\n}\n";
  const agent = await startRealAgent({
    config: {
      "agent.hcl": `server ${enabled}client ${enabled}plugin "raw_exec" {\n  config ${enabled}}\nconsul {\n  address = "127.0.0.1:${proxy.port}"\n${more}}\n`,
    },
  });
  owner.after(() => agent.remove());
  return { agent, requests: proxy.requests };
}

async function submit(agent: RealAgent, consul: RealConsul): Promise<void> {
  const answer = await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job: job() }) });
  if (!answer.ok) throw new Error(await answer.text());
  await inTheCatalog(consul);
}

/** Copies of one listener, each known under many names, with a check by Consul each. */
function job() {
  const program =
    'require("node:net").createServer((socket) => socket.end()).listen(Number(process.env.NOMAD_PORT_main), process.env.NOMAD_IP_main)';
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
