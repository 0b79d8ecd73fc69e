import { rawExecDriver, createHostClock } from "#integrations/host";
import { mockDriver, type MockTask } from "#integrations/memory";
import { driverConformance } from "./driver.ts";
import { hostWorld } from "./host-world.ts";
import { shellCommands } from "./shell-commands.ts";

driverConformance({
  name: "mock",
  async world() {
    const tasks = new Map<string, MockTask>();
    const world = await hostWorld("none", () => mockDriver({ clock: createHostClock(), tasks }));
    return { ...world, settled: async () => undefined, left: async () => [...tasks.keys()] };
  },
  configs: {
    exits: (code) => ({ run_for: "10ms", exit_code: code }),
    runs: {},
    stubborn: { kill_after: "10s" },
    impossible: { start_error: "no", start_error_recoverable: true },
  },
  commands: { copies: ["cat"], exits: (code) => ["exit", String(code)], runs: ["run"], greets: ["print", "GREETING"] },
});

const shell = (text: string) => ({ command: "/bin/sh", args: ["-c", text] });

driverConformance({
  name: "raw_exec",
  world: () => hostWorld("none", (stateDirectory) => rawExecDriver({ stateDirectory, enabled: true })),
  configs: {
    exits: (code) => shell(`exit ${code}`),
    runs: shell("echo ready; while :; do sleep 0.05; done"),
    stubborn: shell("trap '' TERM INT; echo ready; while :; do sleep 0.05; done"),
    impossible: { command: "/no/such/program" },
  },
  commands: shellCommands,
  eats: { command: "/usr/bin/perl", args: ["-e", "my @all; while (1) { push @all, 'x' x 1048576 }"] },
});

// The way of an agent without root: no cgroups at all.
driverConformance({
  name: "raw_exec without cgroups",
  world: () =>
    hostWorld("none", (stateDirectory) =>
      rawExecDriver({
        stateDirectory,
        enabled: true,
        cgroups: { version: "none", unified: "", controllers: {}, writable: false },
      }),
    ),
  configs: {
    exits: (code) => shell(`exit ${code}`),
    runs: shell("echo ready; while :; do sleep 0.05; done"),
    stubborn: shell("trap '' TERM INT; (setsid sleep 1000 &); echo ready; while :; do sleep 0.05; done"),
    impossible: { command: "/no/such/program" },
  },
  commands: shellCommands,
});
