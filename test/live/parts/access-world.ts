/** A cluster with everything on that keeps people out: three servers and a node, TLS on every path, access control; and who asks it what. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventually, REPOSITORY, type CommandResult } from "../real-agent.ts";
import {
  lastWords,
  startClusterWorld,
  type ClusterMachine,
  type ClusterWorld,
  type MachineAnswer,
  type MachineProcess,
} from "./cluster-world.ts";
import { openHouse, type House } from "./house.ts";

const MAIN = join(REPOSITORY, "src", "main.ts");

export interface AccessWorld {
  readonly world: ClusterWorld;
  readonly house: House;
  readonly servers: readonly ClusterMachine[];
  readonly client: ClusterMachine;
  /** Servers and the node: every way in. */
  readonly ways: readonly ClusterMachine[];
  readonly processes: ReadonlyMap<ClusterMachine, MachineProcess>;
  ask(
    way: ClusterMachine,
    token: string,
    path: string,
    more?: { readonly method?: string; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<MachineAnswer>;
  /** The JSON of a 200. */
  told<T>(way: ClusterMachine, token: string, path: string, more?: { readonly method?: string; readonly body?: unknown }): Promise<T>;
  /** A Drover command, run on the machine. */
  cli(way: ClusterMachine, token: string, ...words: readonly string[]): Promise<CommandResult>;
  leader(except?: ClusterMachine): Promise<ClusterMachine>;
  /** What every agent printed. */
  printed(): string;
}

export async function startAccessWorld(t: TestContext): Promise<AccessWorld> {
  const world = await startClusterWorld(t, { machines: ["s1", "s2", "s3", "c1"] });
  const house = openHouse(join(world.folder, "pki"), "house");
  const servers = world.machines.slice(0, 3);
  const client = world.machine("c1");
  const processes = new Map<ClusterMachine, MachineProcess>();
  t.after(() => {
    if (!t.passed) for (const [machine, each] of processes) t.diagnostic(`${machine.name}: ${lastWords(each)}`);
  });
  const common = (machine: ClusterMachine, role: string) => {
    const { cert, key } = house.issue(machine.name, {
      dns: [`${role}.global.nomad`, "localhost"],
      addresses: ["127.0.0.1", machine.address],
    });
    return `log_level = "DEBUG"
tls {
  http = true
  rpc = true
  ca_file = "${house.file}"
  cert_file = "${cert}"
  key_file = "${key}"
  verify_server_hostname = true
}
acl {
  enabled = true
  token_min_expiration_ttl = "1s"
}
`;
  };
  const encrypt = randomBytes(32).toString("base64");
  for (const machine of servers) {
    const duty = `server {
  enabled = true
  bootstrap_expect = 3
  encrypt = "${encrypt}"
  server_join { retry_join = ["${servers[0]?.address}:4648"] }
}
`;
    processes.set(machine, machine.agent({ "agent.hcl": common(machine, "server") + duty }));
  }
  const duty = `client {
  enabled = true
  servers = ${JSON.stringify(servers.map(({ address }) => address))}
  dns { port = 0 }
}
plugin "raw_exec" { config { enabled = true } }
`;
  processes.set(client, client.agent({ "agent.hcl": common(client, "client") + duty }));

  const ask: AccessWorld["ask"] = (way, token, path, { headers, ...more } = {}) =>
    way.request(path, {
      timeoutMs: 30_000,
      ...more,
      headers: { ...(token === "" ? {} : { "x-nomad-token": token }), ...headers },
      tls: { ca: house.text },
    });
  const leader: AccessWorld["leader"] = (except) =>
    eventually(
      "a leader",
      async () => {
        for (const server of servers) {
          if (server === except) continue;
          const { text, status } = await ask(server, "", "/v1/status/leader");
          const found = servers.find(({ address }) => status === 200 && text === `"${address}:4647"`);
          if (found !== undefined && found !== except) return found;
        }
        return undefined;
      },
      90_000,
    );
  for (const machine of world.machines) {
    await eventually(`${machine.name} to answer`, async () => (await ask(machine, "", "/v1/agent/health")).status > 0, 90_000);
  }
  await leader();
  await eventually("the node's agent to know a server", async () => (await ask(client, "", "/v1/jobs")).status === 403, 90_000);
  return {
    world,
    house,
    servers,
    client,
    ways: world.machines,
    processes,
    ask,
    async told<T>(way: ClusterMachine, token: string, path: string, more = {}) {
      const answer = await ask(way, token, path, more);
      assert.equal(answer.status, 200, `${path} through ${way.name}: ${answer.status} ${answer.text}`);
      return answer.text === "" ? (undefined as T) : answer.json<T>();
    },
    cli: (way, token, ...words) =>
      way.host.run("env", [
        `NOMAD_ADDR=https://${way.address}:4646`,
        `NOMAD_CACERT=${house.file}`,
        `NOMAD_TOKEN=${token}`,
        "TZ=UTC",
        process.execPath,
        MAIN,
        ...words,
      ]),
    leader,
    printed: () => [...processes.values()].map((each) => each.output()).join("\n"),
  };
}
