/**
 * The agent's API on a socket in the task's secrets directory, while the task runs: secrets/api.sock, NOMAD_UNIX_ADDR. Opened again by an
 * agent that finds the task running. Where it cannot be opened the task runs without it, and says so. nomad.md §2.1, §2.5.
 */
import assert from "node:assert";
import { messageOf } from "#std";
import { taskEvents } from "#task";
import { join } from "node:path";
import type { Step } from "../../step.ts";
import { Beside } from "../beside.ts";
import type { ExecutionContext } from "../context.ts";
import { addVariables } from "../place-secret.ts";
import { visiblePaths } from "../place.ts";

export const apiSocket: Step<ExecutionContext> = {
  name: "api-socket",
  enter: open,
  resume: open,
  exit: (context) => Beside.end(context, "api-socket"),
};

async function open(context: ExecutionContext): Promise<void> {
  const { world, task, driver, allocationDirectory } = context;
  const { taskSockets } = world;
  if (taskSockets === undefined) return;
  assert(driver !== undefined, "the driver step comes before");
  // The path it will have, also before it is there again: variables are the same before and after a restart of the agent (F58).
  const { secrets } = visiblePaths(allocationDirectory, task().Name, driver.capabilities.isolation);
  addVariables(context, { NOMAD_UNIX_ADDR: `unix://${secrets}/api.sock` });
  const beside = await Beside.begin(context, "api-socket");
  try {
    await beside.perform(async () => {
      const socket = await taskSockets.open(join(allocationDirectory, task().Name, "secrets", "api.sock"));
      if (beside.over) await socket.close();
      else beside.atEnd(() => void beside.perform(() => socket.close()));
    });
  } catch (thrown) {
    if (!beside.over) context.tell(taskEvents.hookFailed(world.clock.nowNs(), "api", messageOf(thrown)));
  }
}
