/** Tasks that know nothing of the mesh: what they dial goes through their sidecar by packet rules, what dials them too, and there is no way around it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toolPath } from "../../scripts/tool-path.ts";
import { startCapture } from "./parts/capture.ts";
import { startHttpApp } from "./parts/http-app.ts";
import { meshJob } from "./parts/mesh-jobs.ts";
import { startMeshWorld } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 };
const EXCLUDED_USER = 4_321;
const OTHER_USER = 4_322;
const WITHIN_MS = 5_000;

test(
  "a task calls a service by its virtual name through sidecars nobody configured; excluded ports, networks and users go out directly, and nobody comes in around the sidecar",
  LIVE,
  async (t) => {
    const world = await startMeshWorld(t, { consul: { default_intention_policy: "deny" } });
    const { consul, host } = world;
    // Outside of the mesh, on the machine: what only leaves directly is refused by the mesh.
    await consul.put("/v1/config", { Kind: "mesh", TransparentProxy: { MeshDestinationsOnly: true } });
    const outside = (word: string) => startHttpApp(t, { address: world.network.gateway, word });
    const [byPort, byUser] = await Promise.all([outside("by port"), outside("by user")]);
    const byPlace = await startHttpApp(t, { host, word: "by place" });
    await world.intend("web", "api", "allow");
    await world.submit(
      meshJob("api", [
        {
          name: "api",
          port: 9001,
          open: true,
          proxy: "transparent_proxy {}",
          more: ownTask("beside", 9002),
          network: 'port "beside" {\n        to = 9002\n      }',
        },
      ]),
    );
    await world.submit(
      meshJob("web", [
        {
          name: "web",
          open: true,
          upstream: "http://api.virtual.consul",
          proxy: `transparent_proxy {
              exclude_inbound_ports  = ["http"]
              exclude_outbound_ports = [${new URL(byPort.url).port}]
              exclude_outbound_cidrs = ["${host.address}/32"]
              exclude_uids           = ["${EXCLUDED_USER}"]
            }`,
        },
      ]),
    );
    const [api] = await world.running("api", 1, 90_000);
    const [web] = await world.running("web", 1, 90_000);
    assert.ok(api && web);
    const way = `http://${await world.address(web, "http")}/upstream`;
    const placeOf = async (id: string) => {
      const { NetworkStatus } = await world.agent.get<{ NetworkStatus: { Address: string } }>(`/v1/allocation/${id}`);
      const namespaces = (await host.must("ls", "/run/netns")).split("\n");
      const name = namespaces.find((each) => each.endsWith(id)) ?? assert.fail(namespaces.join());
      return { address: NetworkStatus.Address, namespace: `/run/netns/${name}` };
    };
    const [ofApi, ofWeb] = [await placeOf(api.ID), await placeOf(web.ID)];
    const answer = async () => {
      const response = await fetch(way, { signal: AbortSignal.timeout(5_000) });
      return `${response.status} ${await response.text()}`;
    };
    const until = (what: string, holds: (answer: string) => boolean, timeoutMs = WITHIN_MS) =>
      eventually(
        what,
        async () => {
          const found = await answer();
          if (!holds(found)) throw new Error(found);
          return true;
        },
        timeoutMs,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${world.lastWords()}`);
      });
    /** As a task's process of that user would. */
    const dial = async (url: string, place = ofWeb, user = OTHER_USER) => {
      const words = [`--net=${place.namespace}`, "setpriv", `--reuid=${user}`, "--regid=65534", "--clear-groups"];
      const { code, stdout } = await host.run("nsenter", [...words, toolPath("http-app"), "get", "-timeout", "2s", url]);
      return code === 0 ? stdout : "refused";
    };

    await t.test("the task's call arrives by the virtual name, and nothing of it is said in the clear on the bridge", async () => {
      const capture = await startCapture(t, { host, interface: "nomad", filter: `tcp and host ${ofApi.address} and not port 53` });
      await until("an answer", (found) => found === "200 web <- api", 20_000);
      for (let count = 0; count < 20; count++) assert.equal(await answer(), "200 web <- api");
      const said = await capture.stop();
      assert.ok(said.length > 1_000, "something was said");
      assert.ok(!said.includes("api.virtual.consul"), "the name it was asked for");
    });

    await t.test("it is denied and allowed by intentions as any other", async () => {
      await world.intend("web", "api", "deny");
      await until("a refusal", (found) => found.startsWith("502"));
      await world.intend("web", "api", "allow");
      await until("an answer", (found) => found === "200 web <- api");
    });

    await t.test(
      "nobody comes in around the sidecar: neither by the allocation's address nor by the host's ports; its own may",
      async () => {
        const outsider = async (url: string) => {
          const { code, stdout } = await host.run(toolPath("http-app"), ["get", "-timeout", "2s", url]);
          return code === 0 ? stdout : "refused";
        };
        for (const port of [9_001, 9_002]) assert.equal(await outsider(`http://${ofApi.address}:${port}/`), "refused");
        for (const label of ["http", "beside"]) {
          const mapped: string = `http://${await world.address(api, label)}/`;
          assert.equal(await outsider(mapped), "refused", label);
          await assert.rejects(fetch(mapped, { signal: AbortSignal.timeout(2_000) }), label);
        }
        assert.equal(await dial(`http://127.0.0.1:9001/`, ofApi), "api");
        assert.equal(await dial(`http://127.0.0.1:9002/`, ofApi), "beside");
        // Neighbours on the bridge, past their own sidecar.
        assert.equal(await dial(`http://${ofApi.address}:9001/`, ofWeb, EXCLUDED_USER), "refused");
        assert.equal(await outsider(`http://${ofWeb.address}:9000/`), "web", "the port that is excluded");
      },
    );

    await t.test("what leaves goes through the sidecar, but for excluded ports, networks and users", async () => {
      assert.equal(await dial(byUser.url), "refused", "outside of the mesh");
      assert.equal(await dial(byPort.url), "by port");
      assert.equal(await dial(byPlace.url), "by place");
      assert.equal(await dial(byUser.url, ofWeb, EXCLUDED_USER), "by user");
      assert.equal(await dial(byPort.url, ofApi), "refused", "exclusions are a job's own");
    });
  },
);

/** A second task of the group, whose port is no service's. */
function ownTask(word: string, port: number): string {
  return `task "${word}" {
      driver = "raw_exec"
      config {
        command = ${JSON.stringify(toolPath("http-app"))}
        args    = ["serve", "-listen", ":${port}", "-word", "${word}"]
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }`;
}
