/** A small agent with logs, to be killed: opens a task's pipes, finds the task or starts it, says its pid, and stays. */
import { keptTaskLogs, rawExecDriver } from "#integrations/host";
import type { TaskLogRequest, TaskStart } from "#ports";

const { stateDirectory, task, request } = JSON.parse(process.argv[2] as string) as {
  stateDirectory: string;
  task: TaskStart;
  request: TaskLogRequest;
};
const logs = keptTaskLogs({ stateDirectory });
const driver = rawExecDriver({ stateDirectory, enabled: true });
const pipes = await logs.open(request);
const place = { ...task.place, ...pipes };
const handle = (await driver.find(task.id, place)) ?? (await driver.start({ ...task, place }));
process.stdout.write(`running ${handle.pid}\n`);
setInterval(() => {}, 1000);
