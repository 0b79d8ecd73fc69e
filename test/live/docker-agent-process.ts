/** A small agent with docker, to be killed: finds the task or starts it, says so, and stays. */
import { dockerDriver, type DockerOptions } from "#integrations/docker";
import type { TaskStart } from "#ports";

const { options, task } = JSON.parse(process.argv[2] as string) as { options: DockerOptions; task: TaskStart };
const driver = dockerDriver(options);
process.stdout.write("begins\n");
const handle = (await driver.find(task.id, task.place)) ?? (await driver.start(task));
process.stdout.write(`running ${handle.pid}\n`);
const exit = await driver.wait(handle, task.place);
process.stdout.write(`ended ${exit.exitCode}\n`);
setInterval(() => {}, 1000);
