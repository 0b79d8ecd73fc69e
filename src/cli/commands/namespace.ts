/** `drover namespace apply`, `list`, `status`, `inspect`, `delete`: nomad.md §4.3, §4.4, §7. */
import { statSync } from "node:fs";
import type { NamespaceRecord } from "#model";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { keyValues, table } from "../render/columns.ts";
import { byName } from "../render/node.ts";
import { resolveNamespace } from "../resolve-name.ts";
import { readSpecification, type SpecificationKeys } from "../specification.ts";

const NAMESPACE_KEYS: SpecificationKeys = {
  name: { name: "Name" },
  description: { name: "Description" },
  quota: { name: "Quota" },
  meta: { name: "Meta", map: true },
  capabilities: {
    name: "Capabilities",
    keys: {
      enabled_task_drivers: { name: "EnabledTaskDrivers" },
      disabled_task_drivers: { name: "DisabledTaskDrivers" },
      enabled_network_modes: { name: "EnabledNetworkModes" },
      disabled_network_modes: { name: "DisabledNetworkModes" },
    },
  },
  // Known, so that the servers say of which edition they are.
  node_pool_config: { name: "NodePoolConfiguration", map: true },
  vault: { name: "VaultConfiguration", map: true },
  consul: { name: "ConsulConfiguration", map: true },
};

export const namespaceApply: Command = {
  usage: "namespace apply [options] <name or file>",
  about: 'Creates a namespace or changes one: from a file ("-": standard input), or by name with the flags below.',
  connects: true,
  flags: {
    description: { kind: "text", value: "text", about: "What it is for" },
    quota: { kind: "text", value: "quota", about: "Not used: quotas are Nomad Enterprise's, and refused" },
    json: { kind: "boolean", about: "The file is JSON, as the API writes it" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const input = onlyArgument(context, "<name or file>");
    const fromFile = input === "-" || isFile(input);
    if (fromFile && (flags.given("description") || flags.given("quota")))
      throw new UsageError("-description and -quota go with a name: in a file they are written down");
    const record = fromFile ? await readSpecification(context, input, { keys: NAMESPACE_KEYS }) : await changed(context, input);
    await api.namespaces.write(record);
    terminal.print(`Successfully applied namespace ${JSON.stringify(record.Name)}!`);
    return 0;
  },
};

/** What is there with the flags' changes; the API replaces the whole. */
async function changed({ api, flags }: Context, name: string): Promise<Record<string, unknown> & { readonly Name: string }> {
  const { value: all } = await api.namespaces.list({ prefix: name });
  const before = all.find((each) => each.Name === name);
  return {
    ...before,
    Name: name,
    ...(flags.given("description") ? { Description: flags.text("description") } : {}),
    ...(flags.given("quota") ? { Quota: flags.text("quota") } : {}),
  };
}

export const namespaceList: Command = {
  usage: "namespace list [options]",
  about: "Lists namespaces.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value: all } = await api.namespaces.list();
    if (flags.flag("json") || flags.given("t")) printData(terminal, all, flags.text("t"));
    else if (all.length === 0) terminal.print("No namespaces found");
    else terminal.print(table([["Name", "Description"], ...all.map((each) => [each.Name, each.Description])]));
    return 0;
  },
};

export const namespaceStatus: Command = {
  usage: "namespace status [options] <namespace>",
  about: "Shows a namespace: what it is for, which drivers and network modes its jobs may use.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { flags, terminal } = context;
    const record = await resolveNamespace(context, onlyArgument(context, "<namespace>"));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, record, flags.text("t"));
      return 0;
    }
    terminal.print(keyValues(facts(record)));
    const meta = byName(record.Meta ?? {});
    if (meta.length > 0) terminal.print(`\n${terminal.colours.bold("Metadata")}\n${keyValues(meta)}`);
    return 0;
  },
};

function facts(record: NamespaceRecord): [string, string][] {
  const list = (of: readonly string[] | undefined, absent: string) => (of === undefined || of.length === 0 ? absent : of.join(","));
  return [
    ["Name", record.Name],
    ["Description", record.Description],
    ["Quota", record.Quota],
    ["EnabledDrivers", list(record.Capabilities?.EnabledTaskDrivers, "*")],
    ["DisabledDrivers", list(record.Capabilities?.DisabledTaskDrivers, "")],
    ["EnabledNetworkModes", list(record.Capabilities?.EnabledNetworkModes, "*")],
    ["DisabledNetworkModes", list(record.Capabilities?.DisabledNetworkModes, "")],
  ];
}

export const namespaceInspect: Command = {
  usage: "namespace inspect [options] <namespace>",
  about: "Shows a namespace as the servers hold it.",
  connects: true,
  flags: { t: DATA_FLAGS["t"] as (typeof DATA_FLAGS)[string] },
  async run(context) {
    const record = await resolveNamespace(context, onlyArgument(context, "<namespace>"));
    printData(context.terminal, record, context.flags.text("t"));
    return 0;
  },
};

export const namespaceDelete: Command = {
  usage: "namespace delete <namespace>",
  about: "Removes a namespace in which nothing is left.",
  connects: true,
  flags: {},
  async run(context) {
    const name = onlyArgument(context, "<namespace>");
    await context.api.namespaces.delete(name);
    context.terminal.print(`Successfully deleted namespace ${JSON.stringify(name)}!`);
    return 0;
  },
};

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
