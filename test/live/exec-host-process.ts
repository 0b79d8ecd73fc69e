/**
 * A small agent to be killed: `node exec-host-process.ts JSON`. Says "begin", starts the task, says "started PID", and on a line
 * from its input stops it and says "stopped".
 */
import { execDriver, rawExecDriver } from "#integrations/host";
import type { TaskStart } from "#ports";

const {
  driver: name,
  stateDirectory,
  task,
} = JSON.parse(process.argv[2] as string) as {
  driver: string;
  stateDirectory: string;
  task: TaskStart;
};
const driver = name === "exec" ? execDriver({ stateDirectory }) : rawExecDriver({ stateDirectory, enabled: true });
process.stdout.write("begin\n");
const handle = await driver.start(task);
process.stdout.write(`started ${handle.pid}\n`);
process.stdin.once("data", async () => {
  process.stdout.write("stopping\n");
  await driver.stop(handle, task.place, { signal: "SIGTERM", timeoutMs: 100 });
  await driver.destroy(handle, task.place);
  process.stdout.write("stopped\n");
  process.exit(0);
});
