/** A service of the mesh is stopped under load, and nobody who calls it notices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpAppConfig, loadOf } from "./parts/http-app.ts";
import { startMeshWorld } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 };

const group = (name: string, count: number, port: number, proxy: string, words: readonly string[], ports = ""): string => `
  group "${name}" {
    count = ${count}
    network {
      mode = "bridge"
      ${ports}
    }
    service {
      name     = "${name}"
      port     = "${port}"
      provider = "consul"
      connect {
        sidecar_service {
          ${proxy}
        }
      }
    }
    task "${name}" {
      driver = "exec"
      config {
        ${httpAppConfig(words)}
      }
      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
`;

const UPSTREAM = `proxy {
            upstreams {
              destination_name = "db"
              local_bind_port  = 5432
            }
          }`;

test("an allocation that is stopped under load loses no request of its callers", LIVE, async (t) => {
  const world = await startMeshWorld(t, { acl: true });
  await world.intend("api", "db", "allow");
  await world.submit(`job "db" {
    ${group("db", 2, 9002, "", ["serve", "-listen", "127.0.0.1:9002", "-word", "db"])}
  }`);
  await world.submit(`job "api" {
    ${group("api", 1, 9001, UPSTREAM, ["serve", "-listen", ":9001", "-word", "api", "-upstream", "http://${NOMAD_UPSTREAM_ADDR_db}"], 'port "http" {\n to = 9001\n }')}
  }`);
  const began = await world.running("db", 2).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${world.lastWords()}`);
  });
  const [api] = await world.running("api");
  interface Ports {
    readonly AllocatedResources: { readonly Shared: { readonly Ports: readonly { readonly Label: string; readonly Value: number }[] } };
  }
  const { AllocatedResources } = await world.agent.get<Ports>(`/v1/allocation/${api?.ID}`);
  const url = `http://${world.host.address}:${AllocatedResources.Shared.Ports.find(({ Label }) => Label === "http")?.Value}/upstream`;
  await eventually("api to reach db", async () => (await (await fetch(url)).text()) === "api <- db", 30_000);
  const healthy = async () => {
    const mesh = await world.agent.get<{ Proxies: { Standing: { upstreams: { healthy: number }[] } | null }[] }>(
      `/v1/client/allocation/${api?.ID}/mesh`,
    );
    return mesh.Proxies[0]?.Standing?.upstreams.reduce((total, each) => total + each.healthy, 0) ?? 0;
  };
  await eventually("both of db to be known to the proxy", async () => (await healthy()) === 2, 30_000);
  for (const fresh of [false, true]) {
    const living = await world.running("db", 2);
    await eventually("both of db to be known to the proxy", async () => (await healthy()) === 2, 30_000);
    const load = loadOf(t, { url, rate: 100, fresh });
    const stopped = await world.agent.request(`/v1/allocation/${living[0]?.ID}/stop`, { method: "PUT" });
    assert.equal(stopped.status, 200);
    await eventually(
      "it to have ended, and another in its place",
      async () => {
        const now = await world.allocations("db");
        const gone = now.find((each) => each.ID === living[0]?.ID);
        return gone?.ClientStatus === "complete" && now.filter((each) => each.ClientStatus === "running").length === 2;
      },
      60_000,
    );
    const { requests, errors, failures } = await load.stop();
    t.diagnostic(`${requests} requests, ${errors} errors, fresh connections: ${fresh}`);
    assert.ok(requests > 100);
    assert.deepEqual(failures, []);
    assert.equal(errors, 0);
  }
  assert.equal(began.length, 2);
});
