/** What a history happens to: an agent with its Consul behind a bad network, another agent on the same Consul, and an operator. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { AGENT_RULES } from "#integrations/consul";
import { testScale } from "../scale.ts";
import type { JobName, Move, Round } from "./consul-chaos-history.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import type { PartOwner } from "./parts/process.ts";
import { slowConsul, type SlowConsul } from "./parts/slow-consul.ts";
import { eventually, processesUnder, REPOSITORY, run, startRealAgent, type RealAgent } from "./real-agent.ts";

/** The agents' own token: a wiped Consul is given it again. No more rights than `setup consul` asks for. */
const AGENT_TOKEN = "0d0e0f00-1111-4222-8333-444455556666";
const METHOD = "nomad-workloads";
const SLOW_MS = 2_000;
const PAUSED_MS = 2_000;
const SLOW_OPERATOR_MS = testScale() >= 10 ? 20_000 : 3_000;

export interface Allocation {
  readonly ID: string;
  readonly Name: string;
  readonly JobID: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly TaskStates: Readonly<Record<string, { readonly Restarts: number; readonly StartedAt: string | null }>> | null;
}

export interface CatalogService {
  readonly ID: string;
  readonly Service: string;
  readonly Tags: readonly string[];
  readonly CreateIndex: number;
}

export interface Login {
  readonly AccessorID: string;
  readonly CreateTime: string;
  readonly ExpirationTime?: string;
  /** What the agent said of it: whose it is. */
  readonly whose: string;
}

export interface World {
  readonly consul: RealConsul;
  readonly agent: RealAgent;
  readonly neighbour: RealAgent;
  /** What the operator wants to run. */
  readonly wanted: ReadonlyMap<JobName, { readonly count: number; readonly tag: string }>;
  /** Tasks that were killed here: how often, by allocation. */
  readonly crashes: ReadonlyMap<string, number>;
  /** Times (unix ms) at which an answer of Consul to the agent may have been lost. */
  readonly losses: readonly { readonly fromMs: number; readonly toMs: number }[];
  wipes(): number;
  /** Performs one round; when it resolves the agent runs and Consul answers, and the monotonic time since when both do is returned. */
  perform(round: Round): Promise<number>;
  stopAll(): Promise<void>;
  allocations(agent?: RealAgent): Promise<readonly Allocation[]>;
  /** The whole catalog but Consul itself, as everybody sees it. */
  catalog(): Promise<readonly CatalogService[]>;
  logins(): Promise<readonly Login[]>;
  tokenCount(): Promise<number>;
}

const service = (name: string, more: object = {}) => ({ Name: name, Provider: "consul", PortLabel: "http", ...more });

/** Services and tokens an allocation of the job has. */
export const OFFERS: Readonly<Record<JobName, { readonly services: readonly string[]; readonly logins: number }>> = {
  plain: { services: ["plain"], logins: 1 },
  tokens: { services: ["tokens-group", "tokens-task"], logins: 3 },
  checked: { services: ["checked"], logins: 1 },
};

function jobOf(name: string, count: number, version: number, tag: string): object {
  const checked = { Checks: [{ Name: "script", Type: "script", Command: "/bin/true", TaskName: "t", Interval: 1e9, Timeout: 5e9 }] };
  const groupServices =
    name === "tokens"
      ? [service("tokens-group", { Tags: [tag] })]
      : [service(name, { Tags: [tag], ...(name === "checked" ? checked : {}) })];
  return {
    ID: name,
    Name: name,
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [
      {
        Name: "g",
        Count: count,
        Networks: [{ DynamicPorts: [{ Label: "http" }] }],
        Services: groupServices,
        Update: { MaxParallel: 8, HealthCheck: "checks", MinHealthyTime: 1e7, HealthyDeadline: 120e9, ProgressDeadline: 180e9 },
        RestartPolicy: { Attempts: 1000, Interval: 3600e9, Delay: 1e8, Mode: "fail" },
        Tasks: [
          {
            Name: "t",
            Driver: "raw_exec",
            Config: { command: "/bin/sleep", args: ["1000000"] },
            Env: { VERSION: String(version) },
            Resources: { CPU: 10, MemoryMB: 10 },
            KillTimeout: 1e9,
            ...(name === "tokens" ? { Consul: {}, Services: [service("tokens-task", { Tags: [tag], TaskName: "t" })] } : {}),
          },
        ],
      },
    ],
  };
}

const config = (consulAddress: string, identities: boolean) => `
server {
  enabled          = true
  bootstrap_expect = 1
}
client {
  enabled           = true
  cpu_total_compute = 10000
  memory_total_mb   = 10000
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
consul {
  address = "${consulAddress}"
  token   = "${AGENT_TOKEN}"
${identities ? '  service_identity {\n    aud = ["consul.io"]\n    ttl = "1h"\n  }\n  task_identity {\n    aud = ["consul.io"]\n    ttl = "1h"\n  }' : ""}
}
`;

export async function openWorld(owner: PartOwner): Promise<World> {
  const consul = await startConsul({ owner, acl: true });
  const network = await slowConsul(consul);
  await giveToken(consul);
  const agent = await startRealAgent({ config: { "10-agent.hcl": config(network.address, true) } });
  owner.after(() => agent.remove());
  await setUp(consul, agent);
  const neighbour = await startRealAgent({ config: { "10-agent.hcl": config(consul.httpAddress, false) } });
  owner.after(() => neighbour.remove());
  await submit(neighbour, jobOf("neighbour", 1, 1, "theirs"));
  return new ChaosWorld(consul, network, agent, neighbour);
}

class ChaosWorld implements World {
  readonly consul: RealConsul;
  readonly agent: RealAgent;
  readonly neighbour: RealAgent;
  readonly wanted = new Map<JobName, { readonly count: number; readonly tag: string }>();
  readonly crashes = new Map<string, number>();
  readonly losses: { readonly fromMs: number; readonly toMs: number }[] = [];
  readonly #network: SlowConsul;
  #wipes = 0;

  constructor(consul: RealConsul, network: SlowConsul, agent: RealAgent, neighbour: RealAgent) {
    this.consul = consul;
    this.#network = network;
    this.agent = agent;
    this.neighbour = neighbour;
  }

  wipes(): number {
    return this.#wipes;
  }

  async perform(round: Round): Promise<number> {
    const { consul, agent } = this;
    const network = this.#network;
    const moves = () => this.#moves(round);
    switch (round.fault) {
      case "none":
        await moves();
        break;
      case "agent killed":
        await this.#losing(() => agent.kill());
        await agent.restart();
        await moves();
        break;
      case "agent killed in the midst":
        await moves();
        await this.#losing(() => agent.kill());
        await agent.restart();
        break;
      case "agent and Consul killed, agent first":
        await moves();
        await this.#losing(async () => void (await Promise.all([agent.kill(), consul.kill()])));
        await agent.restart();
        await consul.restart();
        break;
      case "agent and Consul killed, Consul first":
        await moves();
        await this.#losing(async () => void (await Promise.all([agent.kill(), consul.kill()])));
        await consul.restart();
        await agent.restart();
        break;
      case "agent killed while Consul is slow":
        network.setDelay(SLOW_MS);
        await moves();
        await this.#losing(() => agent.kill());
        network.setDelay(0);
        await agent.restart();
        break;
      case "Consul killed":
        await this.#losing(() => consul.kill());
        await moves();
        await consul.restart();
        break;
      case "Consul wiped":
        await moves();
        await this.#wipe();
        break;
      case "Consul wiped, an operator takes his time":
        await this.#wipe(SLOW_OPERATOR_MS);
        await moves();
        break;
      case "Consul wiped while the agent is dead":
        await moves();
        await this.#losing(() => agent.kill());
        await this.#wiped();
        await giveToken(consul);
        await agent.restart();
        await setUp(consul, agent);
        break;
      case "Consul slow":
        network.setDelay(SLOW_MS);
        await moves();
        network.setDelay(0);
        break;
      case "Consul cut off":
        await this.#losing(() => network.cut());
        await moves();
        await network.heal();
        break;
      case "Consul paused":
        await this.#losing(async () => {
          consul.pause();
          await moves();
          await sleep(PAUSED_MS);
          consul.resume();
        });
        break;
    }
    return performance.now();
  }

  async stopAll(): Promise<void> {
    for (const job of this.wanted.keys()) await this.#move({ kind: "stop", job });
  }

  async #moves({ moves, pauseMs }: Round): Promise<void> {
    for (const each of moves) await this.#move(each);
    await sleep(pauseMs);
  }

  async #move(move: Move): Promise<void> {
    const { agent } = this;
    if (move.kind === "run") {
      const tag = `v${move.tag}`;
      this.wanted.set(move.job, { count: move.count, tag });
      return submit(agent, jobOf(move.job, move.count, move.version, tag));
    }
    if (move.kind === "stop") {
      this.wanted.delete(move.job);
      return asked(await agent.request(`/v1/job/${move.job}`, { method: "DELETE" }));
    }
    if (move.kind === "drain") return this.#drain();
    const living = (await this.allocations()).filter((each) => each.JobID === move.job && each.DesiredStatus === "run");
    const chosen = living.toSorted((a, b) => (a.Name < b.Name ? -1 : 1))[move.which % Math.max(1, living.length)];
    if (chosen === undefined) return;
    if (move.kind === "replace") return asked(await agent.request(`/v1/allocation/${chosen.ID}/stop`, { method: "PUT" }));
    // Of one that waits to start there is nothing to kill.
    const [task] = processesUnder(`${agent.dataDirectory}/alloc/${chosen.ID}`).filter((each) =>
      each.command.startsWith("/bin/sleep 1000000"),
    );
    if (task === undefined) return;
    this.crashes.set(chosen.ID, (this.crashes.get(chosen.ID) ?? 0) + 1);
    process.kill(task.pid, "SIGKILL");
  }

  async #drain(): Promise<void> {
    const { agent } = this;
    const [node] = await agent.get<{ ID: string }[]>("/v1/nodes");
    const body = (DrainSpec: object | null, MarkEligible: boolean) => ({
      method: "PUT",
      body: JSON.stringify({ DrainSpec, MarkEligible }),
    });
    await asked(await agent.request(`/v1/node/${node?.ID}/drain`, body({ Deadline: -1 }, false)));
    await eventually(
      "the drain to be over",
      async () => (await agent.get<{ DrainStrategy: unknown }>(`/v1/node/${node?.ID}`)).DrainStrategy === null,
    );
    await asked(
      await agent.request(`/v1/node/${node?.ID}/eligibility`, { method: "PUT", body: JSON.stringify({ Eligibility: "eligible" }) }),
    );
  }

  async #wiped(): Promise<void> {
    await this.#losing(() => this.consul.wipe());
    this.#wipes++;
  }

  async #wipe(operatorMs = 0): Promise<void> {
    await this.#wiped();
    await giveToken(this.consul);
    await sleep(operatorMs);
    await setUp(this.consul, this.agent);
  }

  /** What Consul answers to what was asked shortly before may never arrive. */
  async #losing(action: () => Promise<void>): Promise<void> {
    const fromMs = Date.now() - SLOW_MS - 1_000;
    await action();
    this.losses.push({ fromMs, toMs: Date.now() + 250 });
  }

  allocations(agent = this.agent): Promise<readonly Allocation[]> {
    return agent.get<Allocation[]>("/v1/allocations");
  }

  async catalog(): Promise<readonly CatalogService[]> {
    const found = await this.consul.get<{ Services: CatalogService[] }>("/v1/catalog/node-services/consul-server");
    return found.Services.filter((each) => each.Service !== "consul");
  }

  async logins(): Promise<readonly Login[]> {
    const all = await this.consul.get<(Login & { AuthMethod?: string; Description: string })[]>("/v1/acl/tokens");
    return all
      .filter((each) => each.AuthMethod === METHOD)
      .map((each) => ({ ...each, whose: each.Description.replace(/^token created via login:? ?/, "") }));
  }

  async tokenCount(): Promise<number> {
    return (await this.consul.get<unknown[]>("/v1/acl/tokens")).length;
  }
}

/** As its operator does after Consul lost everything. */
async function giveToken(consul: RealConsul): Promise<void> {
  await consul.put("/v1/acl/policy", { Name: "nomad-agents", Rules: AGENT_RULES });
  await consul.put("/v1/acl/token", { SecretID: AGENT_TOKEN, Policies: [{ Name: "nomad-agents" }] });
}

async function setUp(consul: RealConsul, agent: RealAgent): Promise<void> {
  const main = `${REPOSITORY}/src/main.ts`;
  const result = await run(process.execPath, [main, "setup", "consul", "-y", `-jwks-url=${agent.address}/.well-known/jwks.json`], {
    env: {
      PATH: process.env["PATH"],
      NOMAD_ADDR: agent.address,
      CONSUL_HTTP_ADDR: consul.httpAddress,
      CONSUL_HTTP_TOKEN: consul.token ?? "",
    },
  });
  assert.equal(result.code, 0, result.stderr);
}

async function submit(agent: RealAgent, Job: object): Promise<void> {
  await asked(await agent.request("/v1/jobs", { method: "PUT", body: JSON.stringify({ Job }) }));
}

async function asked(answer: Response): Promise<void> {
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
}
