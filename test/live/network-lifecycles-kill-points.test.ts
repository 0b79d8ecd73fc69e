/**
 * An agent that dies before and after each step that makes, uses or takes down an allocation's network, its ways to Consul and its proxy: with real
 * namespaces, containers, Consul and Envoy. The next agent finishes what was begun: the group runs, once, and when it was stopped nothing is left.
 * Points are read from the pipelines themselves; one that is not reached fails.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { clientKillPoints } from "#client";
import { freshName, IMAGE, leftSince, startLifecycleWorld } from "./network-lifecycles-world.ts";
import { HTTP_APP_IN_CHROOT } from "./parts/http-app.ts";
import { testScale } from "../scale.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: testScale() >= 10 ? 1_800_000 : 400_000 };
const STEPS = /^(allocation\.(network|consul-sockets)|task\.(network|connect-native|proxy-bootstrap|mesh-ready|proxy-follow|mesh-drain))\./;

/** A container holds the network, an exec task and a proxy are in it with it. */
const jobOf = (id: string): string => `job "${id}" {
  group "g" {
    network {
      mode = "bridge"
      port "http" {
        to = 8080
      }
    }
    service {
      name     = "killed"
      port     = "8080"
      provider = "consul"
      connect {
        sidecar_service {}
        sidecar_task {
          kill_timeout = "300ms"
        }
      }
    }
    task "main" {
      driver = "exec"
      config {
        command = "${HTTP_APP_IN_CHROOT}"
        args    = ["serve", "-listen", ":8080", "-word", "here"]
      }
      kill_timeout = "300ms"
    }
    task "friend" {
      driver = "docker"
      config {
        image   = "${IMAGE}"
        command = "/bin/http-app"
        args    = ["serve", "-listen", "127.0.0.1:8081", "-word", "friend"]
      }
      kill_timeout = "300ms"
    }
  }
}
`;

/** Two deaths of an agent take 20 s and more: all of them in soak, a few in the gate. (Without a machine every point is died at in test/unit/client.) */
const EVERY = testScale() >= 10 ? 1 : 4;

test(
  "an agent that dies at any step of a network or a proxy leaves it to the next, which finishes it, and leaves nothing (F34, F38, F40, F41)",
  LIVE,
  async (t) => {
    const points = clientKillPoints().filter((point) => STEPS.test(point));
    const entering = points.filter((point) => point.includes(".enter."));
    const ending = points.filter((point) => !point.includes(".enter."));
    assert.ok(entering.length >= 14 && ending.length >= 10, points.join("\n"));
    const world = await startLifecycleWorld(t);
    const { agent, host } = world;
    const port = async (id: string): Promise<number> => {
      const found = await agent.get<{ AllocatedResources: { Shared: { Ports: { Label: string; Value: number }[] } } }>(
        `/v1/allocation/${id}`,
      );
      return found.AllocatedResources.Shared.Ports.find(({ Label }) => Label === "http")?.Value ?? 0;
    };
    const dies = async (point: string, act: () => Promise<void>): Promise<void> => {
      let acting: Promise<void> | undefined;
      await agent.kill();
      const gone = agent.restart({ DROVER_KILL_AT: point }).then(async () => {
        const ended = agent.waitForExit();
        // Whoever asks may be answered by the next agent only.
        acting = act();
        acting.catch(() => undefined);
        return await Promise.race([ended, sleep(30_000, "lives on", { ref: false })]);
      });
      assert.notEqual(await gone, "lives on", `the agent did not die at ${point}\n${agent.output().slice(-3_000)}`);
      await agent.restart();
      await acting;
    };

    /** One life: the agent dies on the way in and, when it is another's turn, on the way out. */
    const life = async (enter: string | undefined, exit: string | undefined): Promise<void> => {
      const id = freshName("killed");
      if (enter === undefined) await world.submit(id, jobOf(id));
      else await dies(enter, () => world.submit(id, jobOf(id)));
      const { ID } = await world.running(id, 60_000);
      const url = `http://${host.address}:${await port(ID)}/`;
      const heard = await eventually("it to answer", async () => (await fetch(url, { signal: AbortSignal.timeout(1_000) })).text(), 10_000);
      assert.equal(heard, "here", `after ${enter}`);
      assert.equal((await world.allocations(id)).length, 1, `${enter}: it was placed again`);
      const end = async (): Promise<void> => {
        await world.stop(id);
        // Garbage collection is what the last steps belong to.
        if (exit?.includes(".leave.") === true)
          await world.over([id]).then(
            () => world.collect(),
            () => undefined,
          );
      };
      if (exit === undefined) await end();
      else await dies(exit, () => end());
      await world.over([id]);
      await world.collect();
    };
    await life(undefined, undefined);
    await agent.kill();
    await agent.restart();
    const before = await world.state();

    const rounds = Math.max(entering.length, ending.length);
    for (let index = 0; index < rounds; index += EVERY) {
      const [enter, exit] = [entering[index], ending[index]];
      const began = performance.now();
      await life(enter, exit);
      let left: string[] = [];
      await eventually("nothing to be left", async () => {
        left = leftSince(before, await world.state());
        return left.length === 0;
      }).catch(() => undefined);
      assert.deepEqual(left, [], `after ${enter}, ${exit}\n${agent.output().slice(-4_000)}`);
      t.diagnostic(`${enter ?? "-"}, ${exit ?? "-"}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
    }
  },
);
