/** `drover node pool apply`, `delete`, `info`, `jobs`, `list`, `nodes`: nomad.md §4.3, §4.4, §7. */
import { formatDuration } from "#std";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { PAGE_FLAGS, pageQuery, tellNextPage } from "../paging.ts";
import { keyValues, table } from "../render/columns.ts";
import { nodeTable } from "../render/node-table.ts";
import { byName } from "../render/node.ts";
import { timestamp } from "../render/time.ts";
import { resolveNodePool } from "../resolve-name.ts";
import { readSpecification, type SpecificationKeys } from "../specification.ts";

const NODE_POOL_KEYS: SpecificationKeys = {
  description: { name: "Description" },
  meta: { name: "Meta", map: true },
  node_identity_ttl: { name: "NodeIdentityTTL" },
  scheduler_config: {
    name: "SchedulerConfiguration",
    keys: {
      scheduler_algorithm: { name: "SchedulerAlgorithm" },
      memory_oversubscription_enabled: { name: "MemoryOversubscriptionEnabled" },
    },
  },
};

export const nodePoolApply: Command = {
  usage: "node pool apply [options] <file>",
  about: 'Creates a node pool or replaces one, from a file ("-": standard input). drover node pool init writes an example.',
  connects: true,
  flags: { json: { kind: "boolean", about: "The file is JSON, as the API writes it" } },
  async run(context) {
    const pool = await readSpecification(context, onlyArgument(context, "<file>"), { keys: NODE_POOL_KEYS, block: "node_pool" });
    await context.api.nodePools.write(pool);
    context.terminal.print(`Successfully applied node pool ${JSON.stringify(pool.Name)}!`);
    return 0;
  },
};

export const nodePoolDelete: Command = {
  usage: "node pool delete <node pool>",
  about: "Removes a node pool no node and no job is in.",
  connects: true,
  flags: {},
  async run(context) {
    const name = onlyArgument(context, "<node pool>");
    await context.api.nodePools.delete(name);
    context.terminal.print(`Successfully deleted node pool ${JSON.stringify(name)}!`);
    return 0;
  },
};

export const nodePoolInfo: Command = {
  usage: "node pool info [options] <node pool>",
  about: "Shows a node pool.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { flags, terminal } = context;
    const pool = await resolveNodePool(context, onlyArgument(context, "<node pool>"));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, pool, flags.text("t"));
      return 0;
    }
    const title = (text: string) => `\n${terminal.colours.bold(text)}`;
    terminal.print(
      keyValues([
        ["Name", pool.Name],
        ["Description", pool.Description],
        ["Node Identity TTL", formatDuration(pool.NodeIdentityTTL)],
      ]),
    );
    const meta = byName(pool.Meta ?? {});
    terminal.print(`${title("Metadata")}\n${meta.length === 0 ? "No metadata" : keyValues(meta)}`);
    const configuration = pool.SchedulerConfiguration;
    const settings: [string, string][] = [];
    if ((configuration?.SchedulerAlgorithm ?? "") !== "") settings.push(["Scheduler Algorithm", configuration?.SchedulerAlgorithm ?? ""]);
    if (configuration !== null && configuration.MemoryOversubscriptionEnabled !== null)
      settings.push(["Memory Oversubscription Enabled", String(configuration.MemoryOversubscriptionEnabled)]);
    terminal.print(`${title("Scheduler Configuration")}\n${settings.length === 0 ? "No scheduler configuration" : keyValues(settings)}`);
    return 0;
  },
};

export const nodePoolList: Command = {
  usage: "node pool list [options]",
  about: "Lists node pools.",
  connects: true,
  flags: { ...PAGE_FLAGS, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value: pools, nextToken } = await api.nodePools.list(pageQuery(flags));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, pools, flags.text("t"));
      return 0;
    }
    if (pools.length === 0) terminal.print("No node pools");
    else terminal.print(table([["Name", "Description"], ...pools.map((each) => [each.Name, each.Description])]));
    tellNextPage(terminal, "node pool list", nextToken, flags);
    return 0;
  },
};

export const nodePoolNodes: Command = {
  usage: "node pool nodes [options] <node pool>",
  about: "Lists the nodes of a pool.",
  connects: true,
  flags: { ...PAGE_FLAGS, ...DATA_FLAGS, verbose: { kind: "boolean", about: "Full ids, addresses and versions" } },
  async run(context) {
    const { flags, terminal, api } = context;
    const pool = await resolveNodePool(context, onlyArgument(context, "<node pool>"));
    const { value: nodes, nextToken } = await api.nodePools.nodes(pool.Name, pageQuery(flags));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, nodes, flags.text("t"));
      return 0;
    }
    if (nodes.length === 0) terminal.print("No nodes");
    else terminal.print(nodeTable(nodes, { verbose: flags.flag("verbose"), os: false, running: undefined, colours: terminal.colours }));
    tellNextPage(terminal, "node pool nodes", nextToken, flags);
    return 0;
  },
};

export const nodePoolJobs: Command = {
  usage: "node pool jobs [options] <node pool>",
  about: "Lists the jobs of a pool; -namespace * for those of all namespaces.",
  connects: true,
  flags: { ...PAGE_FLAGS, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    const pool = await resolveNodePool(context, onlyArgument(context, "<node pool>"));
    const { value: jobs, nextToken } = await api.nodePools.jobs(pool.Name, pageQuery(flags));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, jobs, flags.text("t"));
      return 0;
    }
    const everywhere = context.namespace === "*";
    if (jobs.length === 0) terminal.print("No jobs");
    else
      terminal.print(
        table([
          ["ID", ...(everywhere ? ["Namespace"] : []), "Type", "Priority", "Status", "Submit Date"],
          ...jobs.map((job) => [
            job.ID,
            ...(everywhere ? [job.Namespace] : []),
            job.Type,
            String(job.Priority),
            job.Stop ? `${job.Status} (stopped)` : job.Status,
            timestamp(job.SubmitTime),
          ]),
        ]),
      );
    tellNextPage(terminal, "node pool jobs", nextToken, flags);
    return 0;
  },
};
