/** What a call over the mesh costs: 200 a second of 1 KB from one allocation to another, through both Envoys and past them; and memory of a sidecar. */
import { readFileSync } from "node:fs";
import { suiteOwner } from "../live/parts/consul-window.ts";
import { httpAppConfig, loadOf, type LoadResult } from "../live/parts/http-app.ts";
import { startMeshWorld, type MeshWorld } from "../live/parts/mesh-world.ts";
import { eventually } from "../eventually.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { costOf } from "./process-cost.ts";

const RATE = 200;
const DURATION_MS = 10_000;
const WARM_MS = 2_000;
const BYTES = 1024;
const UPSTREAM_PORT = 8080;
const PORT = 9001;

const group = (name: string, proxy: string): string => `
  group "${name}" {
    network {
      mode = "bridge"
    }
    service {
      name     = "${name}"
      port     = "${PORT}"
      connect {
        sidecar_service {
          ${proxy}
        }
      }
    }
    task "app" {
      driver = "exec"
      config {
        ${httpAppConfig(["serve", "-listen", `:${PORT}`, "-word", name])}
      }
      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
`;
const CALLS = `proxy {
            upstreams {
              destination_name = "callee"
              local_bind_port  = ${UPSTREAM_PORT}
            }
          }`;

export const mesh: Benchmark = {
  name: "mesh",
  about: `${RATE} requests a second of ${BYTES} bytes over the mesh and directly, for ${DURATION_MS / 1000} s each (1 minute)`,
  async run() {
    const actions: (() => Promise<void>)[] = [];
    const owner = suiteOwner((remove) => void actions.push(remove));
    try {
      const world = await startMeshWorld(owner as never);
      await world.submit(`job "bench" {\n${group("caller", CALLS)}${group("callee", "")}}\n`);
      const allocations = await world.running("bench", 2, 120_000);
      const of = (name: string): string => allocations.find(({ TaskGroup }) => TaskGroup === name)?.ID ?? "";
      const namespace = (await world.host.must("ls", "/run/netns")).split("\n").find((each) => each.endsWith(of("caller"))) ?? "";
      const through = [...world.host.through, "ip", "netns", "exec", namespace];
      const { NetworkStatus } = await world.agent.get<{ NetworkStatus: { Address: string } }>(`/v1/allocation/${of("callee")}`);
      const ask = (address: string, durationMs: number): Promise<LoadResult> =>
        loadOf(owner, { url: `http://${address}/bytes/${BYTES}`, rate: RATE, durationMs, through }).result();
      const [meshed, direct] = [`127.0.0.1:${UPSTREAM_PORT}`, `${NetworkStatus.Address}:${PORT}`];
      await eventually("a call over the mesh", async () => {
        const { requests, errors } = await ask(meshed, 500);
        return requests > 0 && errors === 0;
      });
      for (const address of [meshed, direct]) await ask(address, WARM_MS);
      const overMesh = await ask(meshed, DURATION_MS);
      const past = await ask(direct, DURATION_MS);
      for (const { errors, failures } of [overMesh, past])
        if (errors > 0) throw new Error(`${errors} requests failed: ${JSON.stringify(failures[0])}`);
      return [...latencies(overMesh, past), ...(await memory(world))];
    } finally {
      for (const action of actions) await action();
    }
  },
};

/** The reference is the direct call, measured beside it. */
function latencies(overMesh: LoadResult, direct: LoadResult): readonly Figure[] {
  return ["p50", "p99"].flatMap((name) => {
    const [ours, theirs] = [overMesh.latencyMs[name] ?? Number.NaN, direct.latencyMs[name] ?? Number.NaN];
    return [
      { bench: `mesh: ${name} at ${RATE}/s of 1 KB (reference: past the sidecars)`, value: ours, unit: "ms", reference: theirs, goal: "" },
      { bench: `mesh: ${name} added by two sidecars`, value: ours - theirs, unit: "ms", reference: null, goal: "" },
    ];
  });
}

async function memory(world: MeshWorld): Promise<readonly Figure[]> {
  const isEnvoy = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "envoy";
  const sidecars = (await world.host.pids()).filter(isEnvoy);
  if (sidecars.length !== 2) throw new Error(`there are ${sidecars.length} sidecars, not 2`);
  const { residentMb, cpuPercent } = await costOf(sidecars, 5_000);
  return [
    { bench: "mesh: memory of a sidecar (resident)", value: residentMb / 2, unit: "MB", reference: null, goal: "" },
    { bench: "mesh: CPU of a sidecar at rest", value: cpuPercent / 2, unit: "% of a core", reference: null, goal: "" },
  ];
}
