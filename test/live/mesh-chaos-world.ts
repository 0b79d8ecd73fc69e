/**
 * What faults befall: a host with Consul and Drover, and two jobs of the mesh on it, "dashboard" that asks "api" through both their sidecars. What is looked
 * at: whether an answer comes through, which processes live and since when, and what stands in the catalog.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { httpAppConfig } from "./parts/http-app.ts";
import { startMeshWorld, type MeshAllocation, type MeshWorld, type MeshWorldOptions } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

/** A process of a task, as nobody else can be it. */
export interface Life {
  readonly allocation: string;
  readonly task: string;
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly started: string;
}

export interface ChaosWorld extends MeshWorld {
  /** What dashboard says of api: "dashboard <- api", and throws with the rest. */
  answer(): Promise<string>;
  /** Waits until it answers rightly and gives how long that took. */
  answers(withinMs: number): Promise<number>;
  /** Of every task of both jobs. */
  lives(): Promise<readonly Life[]>;
  /** The Envoys alone. */
  proxies(): Promise<readonly Life[]>;
  /** The apps alone: what no fault of the mesh may touch. */
  apps(): Promise<readonly Life[]>;
  /** Each running allocation has one sidecar and one app, and each stands in the catalog with its sidecar and nothing else does. */
  whole(): Promise<void>;
  restarts(job: string): Promise<Readonly<Record<string, number>>>;
}

export interface MeshJob {
  readonly name: string;
  readonly count?: number;
  /** Inside the allocation. */
  readonly port: number;
  /** The service it asks at 127.0.0.1:9001. */
  readonly upstream?: string;
  /** HCL, of the job. */
  readonly update?: string;
  /** Something of the app that is new. */
  readonly version?: number;
}

export function meshJob({ name, count = 1, port, upstream, update = `min_healthy_time = "0s"`, version = 1 }: MeshJob): string {
  const proxy = `proxy {\n            upstreams {\n              destination_name = "${upstream}"\n              local_bind_port  = 9001\n            }\n          }`;
  const asks = upstream === undefined ? [] : ["-upstream", "http://127.0.0.1:9001"];
  const listens = upstream === undefined ? `127.0.0.1:${port}` : `:${port}`;
  return `job "${name}" {
  update {
    ${update}
  }
  group "${name}" {
    count = ${count}
    network {
      mode = "bridge"
      ${upstream === undefined ? "" : `port "http" {\n        to = ${port}\n      }`}
    }
    service {
      name     = "${name}"
      port     = "${port}"
      provider = "consul"
      connect {
        sidecar_service {
          ${upstream === undefined ? "" : proxy}
        }
        sidecar_task {
          resources {
            cpu    = 20
            memory = 32
          }
        }
      }
    }
    task "${name}" {
      driver = "exec"
      config {
        ${httpAppConfig(["serve", "-listen", listens, "-word", name, ...asks])}
      }
      env {
        VERSION = "${version}"
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
  }
}
`;
}

/** Both jobs run and talk when it returns. */
export async function openChaos(
  t: TestContext,
  options: MeshWorldOptions & { readonly api?: Partial<MeshJob>; readonly dashboard?: Partial<MeshJob> } = {},
): Promise<ChaosWorld> {
  const { api, dashboard, ...rest } = options;
  const world = await startMeshWorld(t, rest);
  await world.submit(meshJob({ name: "api", port: 9002, ...api }));
  await world.submit(meshJob({ name: "dashboard", port: 9000, upstream: "api", ...dashboard }));
  if (options.acl === true) await world.intend("dashboard", "api", "allow");
  const chaos = chaosOf(world);
  await world.running("api", api?.count ?? 1, 90_000);
  await world.running("dashboard", dashboard?.count ?? 1, 90_000);
  await chaos.answers(30_000);
  return chaos;
}

export function chaosOf(world: MeshWorld): ChaosWorld {
  const living = async (): Promise<readonly MeshAllocation[]> => {
    const all = await Promise.all(["api", "dashboard"].map((job) => world.allocations(job)));
    return all.flat().filter(({ ClientStatus }) => ClientStatus === "running");
  };
  const lives = async (): Promise<readonly Life[]> => livesOf((await living()).map(({ ID }) => ID));
  const proxies = async () => (await lives()).filter(({ task }) => task.startsWith("connect-proxy-"));
  const apps = async () => (await lives()).filter(({ task }) => !task.startsWith("connect-proxy-"));
  const answer = async (): Promise<string> => {
    const response = await fetch(await dashboardUrl(world), { signal: AbortSignal.timeout(3_000) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(text);
    return text;
  };
  return {
    ...world,
    answer,
    async answers(withinMs) {
      const began = performance.now();
      const said = await eventually("an answer through both sidecars", answer, withinMs).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${world.lastWords()}`);
      });
      assert.equal(said, "dashboard <- api");
      return performance.now() - began;
    },
    lives,
    proxies,
    apps,
    async whole() {
      const running = await living();
      const each = await lives();
      const wanted = running.flatMap(({ ID, TaskGroup }) => [`${ID} ${TaskGroup}`, `${ID} connect-proxy-${TaskGroup}`]);
      assert.deepEqual(each.map(({ allocation, task }) => `${allocation} ${task}`).toSorted(), wanted.toSorted());
      const standing = Object.keys(await world.consul.get<Record<string, unknown>>("/v1/agent/services")).filter((id) =>
        id.startsWith("_nomad-task-"),
      );
      const ours = running.map(({ ID }) => standing.filter((id) => id.includes(ID)).length);
      assert.deepEqual(
        [ours, standing.length],
        [running.map(() => 2), 2 * running.length],
        `each of ${running.map(({ ID }) => ID).join(", ")} twice, and nothing else: ${standing.join(", ")}`,
      );
    },
    async restarts(job) {
      const [allocation] = (await living()).filter(({ TaskGroup }) => TaskGroup === job);
      const tasks = allocation?.TaskStates ?? {};
      return Object.fromEntries(Object.entries(tasks).map(([name, { Restarts }]) => [name, Restarts]));
    },
  };
}

/** Where the machine reaches dashboard without the mesh. */
export async function dashboardUrl(world: MeshWorld): Promise<string> {
  const running = (await world.allocations("dashboard")).find(({ ClientStatus }) => ClientStatus === "running");
  assert.ok(running, "dashboard runs");
  const { AllocatedResources } = await world.agent.get<{
    AllocatedResources: { Shared: { Ports: { Label: string; Value: number; HostIP: string }[] } };
  }>(`/v1/allocation/${running.ID}`);
  const port = AllocatedResources.Shared.Ports.find(({ Label }) => Label === "http");
  assert.ok(port);
  return `http://${port.HostIP}:${port.Value}/upstream`;
}

/** Without what starts and watches them: the programs themselves. */
function livesOf(allocations: readonly string[]): Life[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const program = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] ?? "";
        if (!/\/(envoy|http-app)$/.test(program)) return [];
        const environment = new Map(
          readFileSync(`/proc/${pid}/environ`, "utf8")
            .split("\0")
            .map((line) => [line.split("=", 1)[0], line.slice(line.indexOf("=") + 1)]),
        );
        const allocation = environment.get("NOMAD_ALLOC_ID") ?? "";
        const [state, ...stat] = readFileSync(`/proc/${pid}/stat`, "utf8")
          .replace(/^.*\) /s, "")
          .split(" ");
        if (state === "Z" || !allocations.includes(allocation)) return [];
        return [{ allocation, task: environment.get("NOMAD_TASK_NAME") ?? "", pid: Number(pid), started: stat[18] ?? "" }];
      } catch {
        return []; // It ended while we looked.
      }
    });
}
