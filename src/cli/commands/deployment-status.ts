/** `drover deployment status`: nomad.md §4.4. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { monitorDeployment } from "../monitor-deployment.ts";
import { deploymentText } from "../render/deployment.ts";
import { resolveDeployment } from "../resolve.ts";
import { deploymentList } from "./deployment-list.ts";

const PAUSE_MS = 2_000;

export const deploymentStatus: Command = {
  usage: "deployment status [options] [<deployment>]",
  about: `Shows a deployment: its status, and how many allocations of each group are placed and healthy. Without one, lists all.
With -monitor exit code 0: it was successful; 1: it was not.`,
  connects: true,
  flags: {
    ...DATA_FLAGS,
    monitor: { kind: "boolean", about: "Follow it until it has ended" },
    wait: { kind: "duration", value: "duration", about: "With -monitor: so long between two looks (default 2s)" },
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, terminal } = context;
    const typed = context.arguments[0];
    if (context.arguments.length > 1) throw new UsageError("This command takes one argument: <deployment>");
    if (typed === undefined) return deploymentList.run(context);
    const asData = flags.flag("json") || flags.given("t");
    if (asData && flags.flag("monitor")) throw new UsageError("The monitor flag cannot be used with the 'json' or 't' flags");
    const deployment = await resolveDeployment(context, typed);
    if (asData) {
      printData(terminal, deployment, flags.text("t"));
      return 0;
    }
    const verbose = flags.flag("verbose");
    if (flags.flag("monitor")) {
      const wait = flags.duration("wait");
      return monitorDeployment(context, deployment.ID, { verbose, pauseMs: wait === undefined ? PAUSE_MS : wait / 1e6 });
    }
    terminal.print(deploymentText(deployment, { verbose, colours: terminal.colours, ofJob: true }));
    return 0;
  },
};
