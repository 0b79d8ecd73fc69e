/** What a sidecar lets in without the mesh: the paths its job exposes, for Consul's checks and for scrapers, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { answers, ask, isTurnedAway } from "./parts/ask.ts";
import { meshJob } from "./parts/mesh-jobs.ts";
import { startMeshWorld } from "./parts/mesh-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 180_000 };

const JOB = meshJob("shop", [
  {
    name: "shop",
    network: 'port "numbers" {\n        to = 9102\n      }',
    proxy: `expose {
              path {
                path            = "/bytes/64"
                protocol        = "http"
                local_path_port = 9000
                listener_port   = "numbers"
              }
            }`,
    service: `check {
        name     = "lives"
        type     = "http"
        path     = "/status/200"
        expose   = true
        interval = "1s"
        timeout  = "1s"
      }
      check {
        name     = "ails"
        type     = "http"
        path     = "/status/503"
        expose   = true
        interval = "1s"
        timeout  = "1s"
        on_update = "ignore"
      }`,
  },
]);

test(
  "an exposed check passes through the sidecar without the mesh, an exposed path answers there, and every other path and port stays shut",
  LIVE,
  async (t) => {
    const world = await startMeshWorld(t);
    await world.submit(JOB);
    const [shop] = await world.running("shop");
    assert.ok(shop);
    const checks = await eventually("both checks to be known", async () => {
      // Of the agent: to its servers it tells a change of words alone minutes later.
      const found = Object.values(
        await world.consul.get<Record<string, { Name: string; Status: string; Output: string }>>("/v1/agent/checks"),
      );
      const of = (name: string) => found.find(({ Name }) => Name === name);
      const [lives, ails] = [of("lives"), of("ails")];
      if (lives?.Status !== "passing" || !/503/.test(ails?.Output ?? "")) throw new Error(JSON.stringify(found));
      return { lives, ails };
    });
    assert.match(checks.lives.Output, /HTTP GET http:\/\/.*\/status\/200: 200 OK/, "Consul's own check, over the network");
    assert.equal(checks.ails?.Status, "critical");

    const numbers = await world.address(shop, "numbers");
    await eventually("what is exposed", async () => (await ask(numbers, "/bytes/64")).text.length === 64);
    for (const path of ["/", "/bytes/65", "/bytes/64/more", "/status/200"]) assert.equal((await ask(numbers, path)).status, 404, path);
    const [, port = ""] = /:(\d+)\/status\/200/.exec(checks.lives.Output) ?? [];
    const check = `${numbers.split(":")[0]}:${port}`;
    await answers(world, "shop", check, "/status/200");
    assert.equal((await ask(check, "/")).status, 404, "the check's port is the check's");

    const mesh = await world.address(shop, "connect-proxy-shop");
    assert.equal(await isTurnedAway(mesh, "/status/200"), true, "the mesh's own port speaks its TLS alone");
  },
);
