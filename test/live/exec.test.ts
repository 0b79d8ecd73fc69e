/** The exec driver on the real runc and conmon. Needs root. */
import { execDriver } from "#integrations/host";
import { driverConformance } from "../conformance/driver.ts";
import { hostWorld } from "../conformance/host-world.ts";

const shell = (text: string) => ({ command: "sh", args: ["-c", text] });

driverConformance({
  name: "exec",
  world: () => hostWorld("chroot", (stateDirectory) => execDriver({ stateDirectory })),
  configs: {
    exits: (code) => shell(`exit ${code}`),
    // Process 1 hears only the signals it handles.
    runs: shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"),
    stubborn: shell("trap '' TERM INT; echo ready; while :; do sleep 0.05; done"),
    impossible: { command: "no-such-program" },
  },
});
