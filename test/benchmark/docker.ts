/**
 * A container by the docker driver against the same one asked of the same daemon directly, with the calls of `docker run -d` (create, start): what the driver
 * puts on top (labels, pipes for logs, control groups, records for an agent that is killed).
 */
import { dockerDriver } from "#integrations/docker";
import type { TaskHandle } from "#ports";
import { dockerSettings, ownerOf } from "../conformance/docker-world.ts";
import { taskStart } from "../conformance/driver.ts";
import { hostWorld } from "../conformance/host-world.ts";
import { suiteOwner } from "../live/parts/consul-window.ts";
import { startDocker } from "../live/parts/docker.ts";
import { percentile, type Benchmark, type Figure } from "./figure.ts";

const COUNT = 15;
const IMAGE = "drover-bench/busybox:1";

export const docker: Benchmark = {
  name: "docker",
  about: `${COUNT} containers by the docker driver and by the daemon's API in turn (1 minute)`,
  async run() {
    const actions: (() => Promise<void>)[] = [];
    const owner = suiteOwner((remove) => void actions.push(remove));
    const daemon = await startDocker({ owner }).catch(async (error: unknown) => {
      for (const action of actions) await action();
      throw error;
    });
    const world = await hostWorld("chroot", (stateDirectory) =>
      dockerDriver({ owner: ownerOf(stateDirectory), stateDirectory, config: dockerSettings(daemon.endpoint) }),
    );
    try {
      await daemon.busyboxImage(IMAGE);
      const driver = world.open();
      const byDriver: number[] = [];
      const byDaemon: number[] = [];
      // The first of each warms what both use.
      for (let round = 0; round <= COUNT; round++) {
        const id = `11111111-2222-3333-4444-555555555555.web.${round}`;
        const config = { image: IMAGE, network_mode: "none", command: "/bin/sleep", args: ["1000"] };
        const began = performance.now();
        const handle: TaskHandle = await driver.start(taskStart(world, id, config));
        const tookMs = performance.now() - began;
        await driver.stop(handle, world.place, { signal: "SIGKILL", timeoutMs: 0 });
        await driver.destroy(handle, world.place);
        const start = performance.now();
        const container = await daemon.client.createContainer({
          Image: IMAGE,
          Cmd: ["/bin/sleep", "1000"],
          HostConfig: { NetworkMode: "none" },
        });
        await container.start();
        const directMs = performance.now() - start;
        await container.remove({ force: true });
        if (round === 0) continue;
        byDriver.push(tookMs);
        byDaemon.push(directMs);
      }
      return [figure("start, median", byDriver, byDaemon, 50), figure("start, slowest", byDriver, byDaemon, 100)];
    } finally {
      await world.remove();
      for (const action of actions) await action();
    }
  },
};

/** The reference is the daemon's own figure, measured beside ours. */
function figure(what: string, ours: readonly number[], direct: readonly number[], p: number): Figure {
  const reference = percentile(direct, p);
  return {
    bench: `docker: ${what} (reference: docker run's own calls, same daemon)`,
    value: percentile(ours, p),
    unit: "ms",
    reference,
    goal: "",
  };
}
