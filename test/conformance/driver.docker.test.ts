/** The drivers' contract, kept with a real docker. */
import { after, before } from "node:test";
import { driverConformance } from "./driver.ts";
import { startDockerDaemon, type DockerDaemon } from "./docker-daemon.ts";
import { TEST_IMAGE, dockerWorld, importBusybox } from "./docker-world.ts";
import { shellCommands } from "./shell-commands.ts";

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  let daemon: DockerDaemon | undefined;
  const shell = (text: string) => ({ image: TEST_IMAGE, command: "sh", args: ["-c", text] });
  before(async () => {
    daemon = await startDockerDaemon();
    await importBusybox(daemon.endpoint);
  });
  after(() => daemon?.remove());
  driverConformance({
    name: "docker",
    world: () => dockerWorld(daemon?.endpoint ?? ""),
    configs: {
      exits: (code) => shell(`exit ${code}`),
      runs: shell("echo ready; while :; do sleep 0.05; done"),
      stubborn: shell("trap '' TERM INT; echo ready; while :; do sleep 0.05; done"),
      impossible: { image: TEST_IMAGE, command: "/no/such/program" },
    },
    // Docker's terminals have a size before the command begins since version 23.
    commands: { ...shellCommands, firstSize: undefined },
    eats: { image: TEST_IMAGE, command: "tail", args: ["/dev/zero"] },
  });
}
