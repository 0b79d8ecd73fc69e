/** `drover deployment list`, `job deployments`: nomad.md §4.4. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { namedJob } from "../named-job.ts";
import { PAGE_FLAGS, pageQuery, tellNextPage } from "../paging.ts";
import { deploymentTable, deploymentText } from "../render/deployment.ts";

export const deploymentList: Command = {
  usage: "deployment list [options]",
  about: "Lists deployments, newest first.",
  connects: true,
  flags: { ...DATA_FLAGS, ...PAGE_FLAGS, verbose: { kind: "boolean", about: "Full ids" } },
  async run(context) {
    const { flags, terminal, api } = context;
    const { value, nextToken } = await api.deployments.list({ reverse: true, ...pageQuery(flags) });
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value, flags.text("t"));
      return 0;
    }
    terminal.print(deploymentTable(value, { verbose: flags.flag("verbose"), namespaces: context.namespace === "*" }));
    tellNextPage(terminal, "deployment list", nextToken, flags);
    return 0;
  },
};

export const jobDeployments: Command = {
  usage: "job deployments [options] <job>",
  about: "Lists a job's deployments, newest first.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    latest: { kind: "boolean", about: "Only the newest, in full" },
    all: { kind: "boolean", about: "Those of earlier jobs of this name too" },
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const { namespace, id } = await namedJob(context);
    const style = { verbose: flags.flag("verbose"), colours: terminal.colours, ofJob: true, namespaces: false };
    const show = (data: unknown, text: () => string) => {
      if (flags.flag("json") || flags.given("t")) printData(terminal, data, flags.text("t"));
      else terminal.print(text());
      return 0;
    };
    if (flags.flag("latest")) {
      const { value: latest } = await api.jobs.deployment(id, { namespace });
      return show(latest, () => (latest === null ? "No deployment found" : deploymentText(latest, style)));
    }
    const { value: all } = await api.jobs.deployments(id, { all: flags.flag("all") }, { namespace });
    return show(all, () => deploymentTable(all, style));
  },
};
