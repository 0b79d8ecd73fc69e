/**
 * Groups whose network a container of docker's holds, and what happens to docker: its holder is killed, removed, the daemon killed and started again,
 * containers and namespaces taken away while the agent is not there. Each time the group is there again, on its port, and nothing of before is left.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { difference } from "./parts/host-state.ts";
import { IMAGE, leftSince, startLifecycleWorld, type Listed } from "./network-lifecycles-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };
const PORT = 28_217;
const HOLDER = "dev.drover.holder";

/** Two tasks in one network that a third container holds; one of them is no container. */
const jobOf = (id: string): string => `job "${id}" {
  group "g" {
    network {
      mode = "bridge"
      port "http" {
        static = ${PORT}
        to     = 8080
      }
    }
    restart {
      attempts = 20
      interval = "10m"
      delay    = "200ms"
      mode     = "delay"
    }
    task "web" {
      driver = "docker"
      config {
        image   = "${IMAGE}"
        command = "/bin/http-app"
        args    = ["serve", "-listen", ":8080", "-word", "${id}"]
      }
      kill_timeout = "300ms"
    }
    task "friend" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["1000000"]
      }
      kill_timeout = "300ms"
    }
  }
}
`;

test(
  "whatever becomes of docker, a group it holds the network of comes back whole on its port, and nothing of before is left (F38, F40)",
  LIVE,
  async (t) => {
    const world = await startLifecycleWorld(t, { consul: false });
    const { host, agent, docker } = world;
    assert.ok(docker !== undefined);
    const holders = async () => (await docker.containers()).filter(({ Labels }) => Labels[HOLDER] !== undefined);
    const answers = async (word: string): Promise<void> => {
      await eventually(
        `${word} to answer`,
        async () => (await (await fetch(`http://${host.address}:${PORT}/`, { signal: AbortSignal.timeout(1_000) })).text()) === word,
        40_000,
      ).catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${JSON.stringify(await world.allocations(word), null, 1)}\n${agent.output().slice(-4_000)}`);
      });
    };
    const restarts = (of: Listed, task: string): number => of.TaskStates?.[task]?.Restarts ?? 0;
    const story = async (name: string, play: () => Promise<void>): Promise<void> => {
      const began = performance.now();
      await t.test(name, play);
      t.diagnostic(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
    };
    /** Something is done to the group: both its tasks are started anew in a new network that is the only one. */
    const renewed = async (what: string, act: () => Promise<void>): Promise<void> => {
      const before = await world.running("held");
      const [holder] = await holders();
      const standing = await world.state();
      await act();
      const after = await eventually(
        `the group to be whole after ${what}`,
        async () => {
          const now = (await world.allocations("held")).find(({ ID }) => ID === before.ID);
          const anew = (task: string) =>
            now !== undefined && restarts(now, task) > restarts(before, task) && now.TaskStates?.[task]?.State === "running";
          return anew("web") && anew("friend") ? now : undefined;
        },
        60_000,
      ).catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${JSON.stringify(await world.allocations("held"), null, 1)}\n${agent.output().slice(-4_000)}`);
      });
      assert.equal(after.ID, before.ID);
      await answers("held");
      const now = await holders();
      assert.equal(now.length, 1);
      assert.notEqual(now[0]?.Id, holder?.Id);
      // As many of each as before: names and addresses are new ones.
      await eventually("nothing of the old network to be left", async () => {
        const state = await world.state();
        const counted = (of: typeof state) =>
          ["network namespace", "CNI file", "firewall rule", "interface", "container", "mount"].map((each) => of[each]?.length);
        if (JSON.stringify(counted(state)) !== JSON.stringify(counted(standing))) throw new Error(difference(standing, state).join("\n"));
        return true;
      });
    };

    await world.submit("held", jobOf("held"));
    await world.running("held");
    await answers("held");
    await world.stop("held");
    await world.over(["held"]);
    await world.collect();
    const before = await world.state();
    await world.submit("held", jobOf("held"));
    await world.running("held");
    await answers("held");

    await story("the container that holds its network is killed", () =>
      renewed("a kill", async () => {
        const [holder] = await holders();
        process.kill((await docker.client.getContainer(holder?.Id ?? "").inspect()).State.Pid, "SIGKILL");
      }),
    );
    await story("it is removed by a tidy person", () =>
      renewed("a removal", async () => {
        const [holder] = await holders();
        await docker.client.getContainer(holder?.Id ?? "").remove({ force: true });
      }),
    );
    await story("the daemon is killed and started again, its containers end with it", () =>
      renewed("docker's restart", () => docker.restart()),
    );
    await story("containers and namespace go while no agent is there; its rules stay, and swallow nothing", () =>
      renewed("a purge", async () => {
        await agent.kill();
        for (const { Id } of await docker.containers()) await docker.client.getContainer(Id).remove({ force: true });
        for (const name of (await host.must("ls", "/run/netns")).split("\n").filter(Boolean))
          await host.must("ip", "netns", "delete", name);
        assert.match(await host.must("iptables-save", "-t", "nat"), new RegExp(`--dport ${PORT}`));
        await agent.restart();
      }),
    );
    await story("the next job has the port, and when all is over nothing is left", async () => {
      await world.stop("held");
      await world.over(["held"]);
      await world.submit("next", jobOf("next"));
      await world.running("next");
      await answers("next");
      await world.stop("next");
      await world.over(["next"]);
      await world.collect();
      let left: string[] = [];
      await eventually("nothing to be left", async () => (left = leftSince(before, await world.state())).length === 0).catch(
        () => undefined,
      );
      assert.deepEqual(left, []);
    });
  },
);
