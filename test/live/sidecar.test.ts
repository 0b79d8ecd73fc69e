/** Services talk through sidecars that were injected, with the real Consul, Envoy and CNI: at once, and after everything that can die has died. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { toolPath, cniFolder } from "../../scripts/tool-path.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import type { IsolatedHost } from "./parts/isolated-host.ts";
import { startNetworkWorld } from "./parts/network-world.ts";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

interface World {
  readonly host: IsolatedHost;
  readonly consul: RealConsul;
  readonly agent: RealAgent;
}

async function startWorld(t: TestContext, options: { acl?: boolean } = {}): Promise<World> {
  const world = await startNetworkWorld(t);
  const host = world.hosts[0] as IsolatedHost;
  const consul = await startConsul({ owner: t, host, ...options });
  const agent = await startRealAgent({
    host,
    config: {
      "10-server.hcl": "server {\n  enabled = true\n  bootstrap_expect = 1\n}\n",
      "20-client.hcl": `client {
  enabled = true
  cni_path = "${cniFolder()}"
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
consul {
  address = "${consul.httpAddress}"
}
`,
    },
    environment: { PATH: `${join(toolPath("envoy"), "..")}:${process.env["PATH"] ?? ""}` },
  });
  t.after(() => agent.remove());
  return { host, consul, agent };
}

/** `api` calls `db` through its sidecar. */
function jobOf(): string {
  const app = toolPath("http-app");
  return `
job "mesh" {
  group "db" {
    network { mode = "bridge" }
    service {
      name = "db"
      port = "9002"
      connect { sidecar_service {} }
    }
    task "db" {
      driver = "raw_exec"
      config {
        command = "${app}"
        args = ["serve", "-listen", "127.0.0.1:9002", "-word", "from-db"]
      }
      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
  group "api" {
    network {
      mode = "bridge"
      port "http" { to = 9001 }
    }
    service {
      name = "api"
      port = "9001"
      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "db"
              local_bind_port = 5432
            }
          }
        }
      }
    }
    task "api" {
      driver = "raw_exec"
      config {
        command = "${app}"
        args = ["serve", "-listen", "0.0.0.0:9001", "-word", "from-api", "-upstream", "http://\${NOMAD_UPSTREAM_ADDR_db}"]
      }
      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
`;
}

interface Listed {
  readonly ID: string;
  readonly TaskGroup: string;
  readonly ClientStatus: string;
  readonly TaskStates: Readonly<Record<string, { readonly State: string; readonly StartedAt: string | null }>> | null;
}

async function runs(agent: RealAgent): Promise<ReadonlyMap<string, Listed>> {
  const found = await eventually(
    "both groups to run",
    async () => {
      const all = await agent.get<Listed[]>("/v1/job/mesh/allocations");
      const whole = (each: Listed) => Object.values(each.TaskStates ?? {}).every(({ State }) => State === "running");
      const living = new Map(all.filter((each) => each.ClientStatus === "running" && whole(each)).map((each) => [each.TaskGroup, each]));
      return living.size === 2 && living;
    },
    30_000,
  ).catch(async (error: unknown) => {
    const all = await agent.get<{ TaskStates: unknown }[]>("/v1/job/mesh/allocations");
    throw new Error(
      `${String(error)}\n${JSON.stringify(
        all.map((each) => each.TaskStates),
        null,
        1,
      )}\n${agent.output()}`,
    );
  });
  return found;
}

interface Mesh {
  readonly Proxies: readonly {
    readonly Task: string;
    readonly Step: string;
    readonly Standing: {
      readonly startedAtMs: number;
      readonly stream: { readonly connected: boolean };
      readonly upstreams: readonly { readonly healthy: number }[];
    } | null;
  }[];
}

/** The one proxy of an allocation. */
async function proxyOf(agent: RealAgent, allocation: Listed): Promise<Mesh["Proxies"][number] | undefined> {
  const { Proxies } = await agent.get<Mesh>(`/v1/client/allocation/${allocation.ID}/mesh`);
  return Proxies[0];
}

/** Its own process, not what holds it. */
async function envoyPid(host: IsolatedHost, allocation: Listed): Promise<number> {
  for (const pid of await host.pids()) {
    const [words, environment] = [readWhole(`/proc/${pid}/cmdline`), readWhole(`/proc/${pid}/environ`)];
    if (/^[^\0]*envoy\0-c\0/.test(words) && environment.includes(`NOMAD_ALLOC_ID=${allocation.ID}`)) return pid;
  }
  throw new Error(`no Envoy of allocation ${allocation.ID} runs`);
}

function readWhole(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

test(
  "two services talk through injected sidecars, whatever dies and comes back",
  { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 },
  async (t) => {
    const { host, agent, consul } = await startWorld(t);
    const file = join(agent.configDirectory, "mesh.nomad.hcl.txt");
    writeFileSync(file, jobOf());
    const ran = await agent.cli("job", "run", "-detach", file);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    const allocations = await runs(agent);
    const [api, db] = [allocations.get("api") as Listed, allocations.get("db") as Listed];
    const { AllocatedResources } = await agent.get<{ AllocatedResources: { Shared: { Ports: { Label: string; Value: number }[] } } }>(
      `/v1/allocation/${api.ID}`,
    );
    const port = AllocatedResources.Shared.Ports.find((each) => each.Label === "http")?.Value;
    const ask = async (): Promise<string> =>
      (await host.run("curl", ["-sS", "-m", "5", `http://${host.address}:${port}/upstream`])).stdout.trim();
    const talks = async (what: string, timeoutMs = 30_000): Promise<number> => {
      const began = performance.now();
      await eventually(`api to reach db ${what}`, async () => (await ask()).endsWith("<- from-db"), timeoutMs).catch(
        async (error: unknown) => {
          throw new Error(
            `${String(error)}: ${await ask()}\n${JSON.stringify(await agent.get(`/v1/client/allocation/${api.ID}/mesh`), null, 1)}`,
          );
        },
      );
      return performance.now() - began;
    };
    const story = async (name: string, play: () => Promise<void>) => {
      const began = performance.now();
      await t.test(name, play);
      t.diagnostic(`${name}: ${Math.round(performance.now() - began)} ms`);
    };
    const appStarted = async () => {
      const all = await agent.get<Listed[]>("/v1/job/mesh/allocations");
      return all.find((each) => each.ID === api.ID)?.TaskStates?.["api"]?.StartedAt;
    };

    await story("at once", async () => void (await talks("at first")));
    const started = await appStarted();

    await story("the bootstrap is for the proxy alone", async () => {
      const secrets = join(agent.dataDirectory, "alloc", api.ID, "connect-proxy-api", "secrets");
      for (const name of ["envoy_bootstrap.json", "envoy.sock"])
        assert.equal((await host.must("stat", "-c", "%a %U", join(secrets, name))).trim(), "600 nobody");
    });

    await story("a proxy that is killed comes back, and its application does not hear of it (F37)", async () => {
      process.kill(await envoyPid(host, api), "SIGKILL");
      await eventually("the proxy to be gone", async () => !(await ask()).endsWith("from-db"), 5_000);
      await talks("through the new proxy", 60_000);
      assert.equal(await appStarted(), started);
    });

    await story("the agent is killed: traffic goes on, and its way to Consul comes back with it", async () => {
      const before = (await proxyOf(agent, api))?.Standing?.startedAtMs as number;
      await agent.kill();
      assert.match(await ask(), /<- from-db$/);
      await agent.restart();
      await eventually("the stream to Consul", async () => (await proxyOf(agent, api))?.Standing?.stream.connected === true, 30_000);
      const after = (await proxyOf(agent, api))?.Standing?.startedAtMs as number;
      assert.ok(Math.abs(after - before) < 3_000, "it is the same proxy");
      await talks("after the agent came back");
    });

    await story("Consul is restarted: proxies serve on, and none is replaced", async () => {
      const pid = await envoyPid(host, api);
      await consul.kill();
      assert.match(await ask(), /<- from-db$/);
      await consul.restart();
      await eventually("the stream to Consul", async () => (await proxyOf(agent, api))?.Standing?.stream.connected === true, 40_000);
      assert.equal(await envoyPid(host, api), pid);
      await talks("after Consul came back");
    });

    await story("a proxy that hangs is replaced within a minute (F35)", async () => {
      const pid = await envoyPid(host, db);
      process.kill(pid, "SIGSTOP");
      await talks("through a new proxy of db", 60_000);
      assert.notEqual(await envoyPid(host, db), pid);
    });

    await story("nothing is left", async () => {
      const stopped = await agent.cli("job", "stop", "-detach", "mesh");
      assert.equal(stopped.code, 0, stopped.stderr);
      await eventually(
        "all to end",
        async () => (await agent.get<Listed[]>("/v1/job/mesh/allocations")).every((each) => each.ClientStatus === "complete"),
        40_000,
      );
      const left = await consul.get<Record<string, unknown>>("/v1/agent/services");
      assert.deepEqual(
        Object.keys(left).filter((each) => each.startsWith("_nomad-task-")),
        [],
      );
      assert.deepEqual(
        (await host.pids()).filter((pid) => readWhole(`/proc/${pid}/cmdline`).includes("envoy_bootstrap")),
        [],
      );
    });
  },
);
