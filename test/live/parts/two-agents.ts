/** A server in one agent and a node in another, for live tests of what lies between them. */
import type { PartOwner } from "./process.ts";
import { eventually, startRealAgent, type RealAgent, type RealAgentOptions } from "../real-agent.ts";

type Files = Readonly<Record<string, string>>;

/** Server only. Its node link listens on `rpc`. */
export async function serverAgent(owner: PartOwner, rpc: number, more: Files = {}, options: RealAgentOptions = {}): Promise<RealAgent> {
  const agent = await startRealAgent({
    ...options,
    ready: false,
    config: {
      "10-server.hcl": `server {\n  enabled = true\n  bootstrap_expect = 1\n}\nports {\n  rpc = ${rpc}\n}\n`,
      ...more,
    },
  });
  owner.after(() => agent.remove());
  await untilItAnswers(agent);
  return agent;
}

/** Node only, with raw_exec. `servers` empty: it has to find them. */
export async function clientAgent(owner: PartOwner, servers: readonly string[], more: Files = {}): Promise<RealAgent> {
  const named = servers.length === 0 ? "" : `  servers = ${JSON.stringify(servers)}\n`;
  const agent = await startRealAgent({
    ready: false,
    config: {
      "20-client.hcl": `client {\n  enabled = true\n${named}}\nplugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n`,
      ...more,
    },
  });
  owner.after(() => agent.remove());
  await untilItAnswers(agent);
  return agent;
}

export async function untilItAnswers(agent: RealAgent): Promise<void> {
  await eventually(
    "the agent to answer",
    async () =>
      agent.output().includes("Cannot start agent") ||
      (await fetch(`${agent.address}/v1/agent/health`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)) !== undefined,
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${agent.output()}`);
  });
  if (agent.output().includes("Cannot start agent")) throw new Error(agent.output());
}

export async function untilReady(server: RealAgent, who: readonly RealAgent[] = []): Promise<void> {
  await eventually(
    "a ready node",
    async () => {
      const response = await server.request("/v1/nodes").catch(() => undefined);
      if (response?.status !== 200) return false;
      return ((await response.json()) as { Status: string }[]).some(({ Status }) => Status === "ready");
    },
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${[server, ...who].map((each) => each.output()).join("\n────\n")}`);
  });
}
