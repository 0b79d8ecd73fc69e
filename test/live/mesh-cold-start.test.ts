/**
 * From `run` to the first answer through two sidecars, again and again, each time with new services: none fails, none is slow, and where the time
 * goes is printed. 20 times; 100 where tests are scaled up (soak).
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { difference, hostState } from "./parts/host-state.ts";
import { httpAppConfig } from "./parts/http-app.ts";
import { startMeshWorld, type MeshAllocation, type MeshWorld } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

const COUNT = Number(process.env["DROVER_STARTS"] ?? (testScale() > 1 ? 100 : 20));
const SLOWEST_MS = 10_000;
const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 30_000 + COUNT * 20_000 };

const group = (name: string, words: readonly string[], upstream: string, listens: number) => `
  group "${name}" {
    network {
      mode = "bridge"
      port "http" {
        to = ${listens}
      }
    }
    service {
      name = "${name}"
      port = "${listens}"
      connect {
        sidecar_service {
          proxy {
            ${upstream === "" ? "" : `upstreams {\n destination_name = "${upstream}"\n local_bind_port = 8080\n }`}
          }
        }
      }
    }
    task "app" {
      driver = "exec"
      config {
        ${httpAppConfig(words)}
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
  }`;

const pair = (index: number) => `job "pair-${index}" {
  update {
    min_healthy_time = "0s"
  }
${group(`api-${index}`, ["serve", "-listen", "127.0.0.1:9001", "-word", "api"], "", 9001)}
${group(`web-${index}`, ["serve", "-listen", ":9002", "-word", "web", "-upstream", "http://127.0.0.1:8080"], `api-${index}`, 9002)}
}
`;

/** What ends each share, in the order of a start. */
const SHARES = ["plan", "network", "registration", "bootstrap", "certificate", "listener", "app"] as const;
type Share = (typeof SHARES)[number];
type Moments = Partial<Record<Share, number>>;

interface Seen extends MeshAllocation {
  readonly CreateTime: number;
  readonly AllocatedResources: { readonly Shared: { readonly Ports: readonly { Label: string; Value: number; HostIP: string }[] } };
}

/** Of one allocation, from its events and what its proxy says of itself: until everything is there. */
async function momentsOf(world: MeshWorld, id: string, over: () => boolean): Promise<Moments> {
  const moments: Moments = {};
  const passed: Record<string, readonly Share[]> = {
    certificate: ["bootstrap"],
    listener: ["bootstrap", "certificate"],
    ready: ["bootstrap", "certificate", "listener"],
  };
  while (moments.listener === undefined && !over()) {
    const response = await world.agent.request(`/v1/client/allocation/${id}/mesh`);
    const { Proxies } = response.ok ? ((await response.json()) as { Proxies: { Step: string }[] }) : { Proxies: [] };
    for (const share of passed[Proxies[0]?.Step ?? ""] ?? []) moments[share] ??= Date.now();
    await sleep(50);
  }
  const { CreateTime, TaskStates, TaskGroup } = await world.agent.get<Seen>(`/v1/allocation/${id}`);
  const events = (TaskStates?.[`connect-proxy-${TaskGroup}`]?.Events ?? []) as readonly { Type: string; Time: number }[];
  const when = (type: string) => Math.round((events.find((each) => each.Type === type)?.Time ?? 0) / 1e6);
  return { ...moments, plan: Math.round(CreateTime / 1e6), network: when("Task Setup"), registration: when("Started") };
}

interface Start {
  readonly totalMs: number;
  readonly shares: Readonly<Record<Share, number>>;
}

async function start(world: MeshWorld, index: number): Promise<Start> {
  const beganMs = Date.now();
  await world.submit(pair(index));
  const allocations = (await eventually("two allocations", async () => {
    const all = await world.allocations(`pair-${index}`);
    return all.length === 2 && (all as Seen[]);
  })) as Seen[];
  const web = allocations.find((each) => each.TaskGroup.startsWith("web"));
  const { AllocatedResources } = await world.agent.get<Seen>(`/v1/allocation/${web?.ID}`);
  const port = AllocatedResources.Shared.Ports.find(({ Label }) => Label === "http");
  assert.ok(port !== undefined);
  let answered = false;
  const following = Promise.all(allocations.map((each) => momentsOf(world, each.ID, () => answered)));
  const said = await eventually(
    "an answer through both sidecars",
    async () => {
      const response = await fetch(`http://${port.HostIP}:${port.Value}/upstream`, { signal: AbortSignal.timeout(2_000) });
      return response.status === 200 && (await response.text());
    },
    30_000,
  ).finally(() => (answered = true));
  const endedMs = Date.now();
  assert.equal(said, "web <- api");
  const moments = await following;
  const shares = {} as Record<Share, number>;
  let beforeMs = beganMs;
  for (const share of SHARES) {
    const atMs = share === "app" ? endedMs : Math.min(endedMs, Math.max(beforeMs, ...moments.map((each) => each[share] ?? beforeMs)));
    shares[share] = atMs - beforeMs;
    beforeMs = atMs;
  }
  return { totalMs: endedMs - beganMs, shares };
}

const middle = (numbers: readonly number[]) => numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? 0;

test(`${COUNT} cold starts of a pair: each answers through both sidecars within ${SLOWEST_MS / 1e3} s of run`, LIVE, async (t) => {
  const world = await startMeshWorld(t, { acl: true });
  const state = () => hostState({ host: world.host, consul: world.consul, dataDirectory: world.agent.dataDirectory });
  const ends: Promise<void>[] = [];
  const round = async (index: number): Promise<Start> => {
    await world.intend(`web-${index}`, `api-${index}`, "allow");
    const result = await start(world, index).catch((error: unknown) => {
      throw new Error(`pair ${index}: ${String(error)}\n${world.lastWords()}`);
    });
    // Those before go while the next one comes.
    await ends.at(-3);
    ends.push(
      (async () => {
        await world.purge(`pair-${index}`);
        await world.consul.api(`/v1/connect/intentions/exact?source=web-${index}&destination=api-${index}`, { method: "DELETE" });
      })(),
    );
    return result;
  };
  const settled = async () => {
    await Promise.all(ends);
    await world.agent.request("/v1/system/gc", { method: "PUT" });
  };
  // The first makes the bridge, which stays.
  const first = await round(0);
  await settled();
  const before = await state();
  const starts: Start[] = [];
  for (let index = 1; index <= COUNT; index++) starts.push(await round(index));
  await settled();
  const totals = starts.map(({ totalMs }) => totalMs);
  const share = (name: Share) =>
    `${name} ${middle(starts.map(({ shares }) => shares[name]))}/${Math.max(...starts.map(({ shares }) => shares[name]))}`;
  t.diagnostic(`the very first ${first.totalMs} ms; of ${COUNT} then: median ${middle(totals)} ms, slowest ${Math.max(...totals)} ms`);
  t.diagnostic(`shares (median/slowest, ms): ${SHARES.map(share).join(" · ")}`);
  for (const { totalMs, shares } of starts) assert.ok(totalMs <= SLOWEST_MS, `${totalMs} ms: ${JSON.stringify(shares)}`);
  await eventually("nothing to be left of them", async () => {
    const left = difference(before, await state());
    if (left.length > 0) throw new Error(left.join("\n"));
    return true;
  });
});
