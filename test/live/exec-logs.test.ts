/** A task prints while its agents are killed one after the other: it is one process from first to last, and no line is lost. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { keptTaskLogs, rawExecDriver } from "#integrations/host";
import { taskStart } from "../conformance/driver.ts";
import { hostWorld, processesNaming } from "../conformance/host-world.ts";
import { logged } from "../conformance/task-logs.ts";

const program = fileURLToPath(new URL("./exec-logs-process.ts", import.meta.url));
const ID = "11111111-2222-3333-4444-555555555555.web.0";
const LINES = 200_000;

test("agents killed under a task that prints more than a megabyte: same pid, every line once", { timeout: 120_000 }, async () => {
  const world = await hostWorld("none", (stateDirectory) => rawExecDriver({ stateDirectory, enabled: true }));
  const directory = `${world.place.sharedDirectory}/logs`;
  const request = { id: "11111111-2222-3333-4444-555555555555.web", directory, task: "web", maxFiles: 10, maxFileSizeMB: 1 };
  const config = {
    command: "/bin/sh",
    args: ["-c", `i=0; while [ $i -lt 100 ]; do seq $((i * 2000 + 1)) $(((i + 1) * 2000)); i=$((i + 1)); sleep 0.01; done`],
  };
  const logs = keptTaskLogs({ stateDirectory: world.stateDirectory });
  try {
    const pids = new Set<string>();
    for (let kills = 0; kills < 5; kills++) {
      const agent = spawn(
        process.execPath,
        ["--no-warnings", program, JSON.stringify({ stateDirectory: world.stateDirectory, task: taskStart(world, ID, config), request })],
        {
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      const [line] = (await once(createInterface(agent.stdout), "line")) as [string];
      pids.add(line);
      await sleep(30 * kills);
      agent.kill("SIGKILL");
      await once(agent, "exit");
    }
    assert.equal(pids.size, 1, "one process all the time");
    const driver = world.open();
    const handle = await driver.find(ID, world.place);
    assert.ok(handle !== undefined);
    assert.equal((await driver.wait(handle, world.place)).exitCode, 0);
    await logs.drain(request.id);
    const seen = logged(directory, "web.stdout").join("").trim().split("\n");
    assert.equal(seen.length, LINES);
    assert.ok(seen.every((each, index) => Number(each) === index + 1));
  } finally {
    for (const id of await world.open().list()) await world.open().sweep(id);
    for (const id of await logs.list()) await logs.close(id);
    await logs.release({ stop: true });
    const left = processesNaming(world.stateDirectory);
    await world.remove();
    assert.deepEqual(left, []);
  }
});
