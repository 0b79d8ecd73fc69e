/** The world of the mesh's tests: two services that talk through their sidecars, with and without access control and TLS, on one host and on two. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { httpAppConfig } from "./parts/http-app.ts";
import { difference, hostState } from "./parts/host-state.ts";
import { startMeshWorld, type MeshWorldOptions } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 };

const api = (more = ""): string => `job "api" {
  update {
    min_healthy_time = "0s"
  }
  ${more}
  group "api" {
    network {
      mode = "bridge"
    }
    service {
      name     = "api"
      port     = "9001"
      provider = "consul"
      connect {
        sidecar_service {}
      }
    }
    task "api" {
      driver = "exec"
      config {
        ${httpAppConfig(["serve", "-listen", "127.0.0.1:9001", "-word", "api"])}
      }
      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
`;

const web = (more = ""): string => `job "web" {
  update {
    min_healthy_time = "0s"
  }
  ${more}
  group "web" {
    network {
      mode = "bridge"
      port "http" {
        to = 9000
      }
    }
    service {
      name     = "web"
      port     = "9000"
      provider = "consul"
      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "api"
              local_bind_port  = 9001
            }
          }
        }
      }
    }
    task "web" {
      driver = "exec"
      config {
        ${httpAppConfig(["serve", "-listen", ":9000", "-word", "web", "-upstream", "http://127.0.0.1:9001"])}
      }
      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
`;

const on = (host: string): string => `constraint {\n    attribute = "\${node.unique.name}"\n    value = "${host}"\n  }`;

const VARIANTS: readonly (readonly [string, MeshWorldOptions])[] = [
  ["on one host", {}],
  ["with access control", { acl: true }],
  ["with access control and TLS, on two hosts", { acl: true, tls: true, hosts: 2 }],
];

for (const [how, options] of VARIANTS) {
  test(`two services talk through their sidecars ${how}, and nothing is left of them`, LIVE, async (t) => {
    const world = await startMeshWorld(t, options);
    if (options.acl === true) await world.intend("web", "api", "allow");
    const last = world.hosts.at(-1);
    assert.ok(last);
    const state = () =>
      Promise.all(world.hosts.map(({ host, consul, agent }) => hostState({ host, consul, dataDirectory: agent.dataDirectory })));
    const round = async (): Promise<void> => {
      await world.submit(api(on(world.host.name)));
      await world.submit(web(on(last.host.name)));
      const [allocation] = await world.running("web");
      await world.running("api");
      const { AllocatedResources } = await world.agent.get<{
        AllocatedResources: { Shared: { Ports: { Label: string; Value: number; HostIP: string }[] } };
      }>(`/v1/allocation/${allocation?.ID}`);
      const port = AllocatedResources.Shared.Ports.find(({ Label }) => Label === "http");
      assert.ok(port);
      const url = `http://${port.HostIP}:${port.Value}/upstream`;
      const answer = await eventually("an answer through both sidecars", async () => {
        const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
        const text = await response.text();
        if (response.status !== 200) throw new Error(text);
        return text;
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${world.lastWords()}`);
      });
      assert.equal(answer, "web <- api");
      await world.purge("web");
      await world.purge("api");
    };
    await round();
    // The bridge and its own rules stay for the next.
    await world.agent.request("/v1/system/gc", { method: "PUT" });
    const before = await state();
    await round();
    await world.agent.request("/v1/system/gc", { method: "PUT" });
    await eventually("nothing to be left", async () => {
      const after = await state();
      const left = before.flatMap((each, index) => difference(each, after[index] ?? {}));
      if (left.length > 0) throw new Error(left.join("\n"));
      return true;
    });
  });
}
