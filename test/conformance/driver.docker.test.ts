/** The drivers' contract, kept with a real docker. */
import { after, before } from "node:test";
import { driverConformance } from "./driver.ts";
import { TEST_IMAGE, dockerWorld, importBusybox } from "./docker-world.ts";
import { shellCommands } from "./shell-commands.ts";

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  const endpoint = process.env["DROVER_TEST_DOCKER"] ?? "";
  const shell = (text: string) => ({ image: TEST_IMAGE, command: "sh", args: ["-c", text] });
  before(() => importBusybox(endpoint));
  after(() => {});
  driverConformance({
    name: "docker",
    world: () => dockerWorld(endpoint),
    configs: {
      exits: (code) => shell(`exit ${code}`),
      runs: shell("echo ready; while :; do sleep 0.05; done"),
      stubborn: shell("trap '' TERM INT; echo ready; while :; do sleep 0.05; done"),
      impossible: { image: TEST_IMAGE, command: "/no/such/program" },
    },
    commands: shellCommands,
    eats: { image: TEST_IMAGE, command: "tail", args: ["/dev/zero"] },
  });
}
