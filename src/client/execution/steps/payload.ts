/**
 * What a dispatched job was given, as a file in the task's local/ directory. Written before the first start; before a later one only
 * when it is gone: what the task made of it is the task's. nomad.md §1.8.
 */
import { NamedError } from "#std";
import { posix } from "node:path";
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";

export const payload: Step<ExecutionContext> = {
  name: "payload",
  enter: async ({ allocation, task, machine, driver, user, world, allocationDirectory }) => {
    const file = task().DispatchPayload?.File ?? "";
    const given = allocation().Job.Payload;
    if (file === "" || given === null || given === "") return;
    const inside = payloadPath(task().Name, file);
    if (machine().attempt > 0 && (await isThere(() => world.disk.stat(allocationDirectory, inside)))) return;
    await world.disk.write(allocationDirectory, {
      path: inside,
      data: Buffer.from(given, "base64"),
      mode: 0o644,
      user: user === "" ? (driver?.capabilities.defaultUser ?? "") : user,
    });
  },
};

/** Below the allocation's directory. Throws FILE_OUTSIDE for a path that leads out of local/. */
export function payloadPath(task: string, file: string): string {
  const local = `${task}/local/`;
  const inside = posix.normalize(local + file);
  if (inside.startsWith(local) && inside !== local) return inside;
  throw new NamedError("FILE_OUTSIDE", `Cannot write the dispatch payload to "${file}": it leads out of the task's local directory`, {
    statusCode: 403,
  });
}

async function isThere(stat: () => Promise<unknown>): Promise<boolean> {
  try {
    await stat();
    return true;
  } catch (thrown) {
    if (thrown instanceof NamedError && thrown.code === "FILE_NOT_FOUND") return false;
    throw thrown;
  }
}
