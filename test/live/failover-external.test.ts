/**
 * The same on a Consul that others keep as it comes: its gossip and its elections take their time, which is printed, not judged. What was acknowledged
 * stands all the same.
 */
import { test } from "node:test";
import { toolPath } from "../../scripts/tool-path.ts";
import { eventually } from "../eventually.ts";
import type { ClusterMachine } from "./parts/cluster-world.ts";
import { isConsul, nextWrite, shown, startThree } from "./parts/failover-cluster.ts";
import { startWriteLoad } from "./parts/write-load.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };

/** Defaults, but for what names a machine and its neighbours. */
async function startUntuned(servers: readonly ClusterMachine[]): Promise<void> {
  const joins = servers.map(({ address }) => `-retry-join=${address}`);
  for (const { name, address, folder, start } of servers)
    start(toolPath("consul"), [
      "agent",
      "-server",
      "-bootstrap-expect=3",
      `-node=${name}`,
      `-bind=${address}`,
      `-data-dir=${folder}/consul`,
      ...joins,
    ]);
  for (const machine of servers)
    await eventually(
      "Consul's servers to have a leader",
      async () => (await machine.request("/v1/status/leader", { host: "127.0.0.1", port: 8500, timeoutMs: 2000 })).text.length > 4,
      60_000,
    );
}

test(
  "on an untuned Consul the leader is killed, stopped, and killed with its Consul: printed; nothing is lost or doubled",
  LIVE,
  async (t) => {
    const { servers, process: of, start, leader } = await startThree(t, { consul: startUntuned });
    const load = startWriteLoad(t, servers, 1);
    const others = (old: ClusterMachine): readonly ClusterMachine[] => servers.filter((each) => each !== old);
    const stopped = await leader();
    of(stopped).stop();
    const stoppedMs = await nextWrite(others(stopped), "stopped");
    of(stopped).cont();
    const killed = await leader(stopped);
    await of(killed).kill9();
    const killedMs = await nextWrite(others(killed), "killed");
    start(killed);
    await killed.answers(60_000);
    const last = await leader(killed);
    for (const pid of await last.pids()) if (isConsul(pid)) process.kill(pid, "SIGKILL");
    await of(last).kill9();
    const withConsulMs = await nextWrite(others(last), "with-consul");
    t.diagnostic(
      `next write after SIGSTOP ${shown([stoppedMs])} ms, after SIGKILL ${shown([killedMs])} ms, its Consul killed with it ${shown([withConsulMs])} ms`,
    );
    await load.stop();
    await load.verify(others(last));
  },
);
