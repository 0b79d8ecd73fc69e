/** `drover acl policy apply`, `list`, `info`, `self`, `delete`: nomad.md §4.3, §4.4. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printedAsData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { ownPolicyTable, policyText } from "../render/acl.ts";
import { table } from "../render/columns.ts";
import { readText } from "../specification.ts";

export const aclPolicyApply: Command = {
  usage: "acl policy apply [options] <name> <file>",
  about:
    'Creates a policy or replaces one, from a file of rules ("-": standard input). With -job (and -namespace, -group, -task) the workloads of that job have it by themselves.',
  connects: true,
  flags: {
    description: { kind: "text", value: "text", about: "What it is for" },
    job: { kind: "text", value: "job", about: "Its workloads have the policy; the job's namespace is -namespace, default" },
    group: { kind: "text", value: "group", about: "Only those of this group of the job" },
    task: { kind: "text", value: "task", about: "Only this task of the group" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const [Name, path, ...more] = context.arguments;
    if (Name === undefined || path === undefined || more.length > 0)
      throw new UsageError("This command takes two arguments: <name> <file>");
    const [JobID, Group, Task] = ["job", "group", "task"].map((name) => flags.text(name) ?? "") as [string, string, string];
    if (JobID === "" && Group + Task !== "") throw new UsageError("-group and -task are of a job: want -job too");
    if (Group === "" && Task !== "") throw new UsageError("-task is of a group: want -group too");
    const Rules = await readText(context, path);
    const JobACL = JobID === "" ? {} : { JobACL: { Namespace: context.namespace || "default", JobID, Group, Task } };
    await api.acl.policies.write({ Name, Description: flags.text("description") ?? "", Rules, ...JobACL });
    terminal.print(`Successfully wrote ${JSON.stringify(Name)} ACL policy!`);
    return 0;
  },
};

export const aclPolicyList: Command = {
  usage: "acl policy list [options]",
  about: "Lists policies: all of them with a management token, else one's own.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    noArguments(context);
    const { terminal, api } = context;
    const { value: all } = await api.acl.policies.list();
    if (printedAsData(context, all)) return 0;
    if (all.length === 0) terminal.print("No policies found");
    else terminal.print(table([["Name", "Description"], ...all.map((each) => [each.Name, each.Description])]));
    return 0;
  },
};

export const aclPolicyInfo: Command = {
  usage: "acl policy info [options] <name>",
  about: "Shows a policy and its rules.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    const { terminal, api } = context;
    const { value: policy } = await api.acl.policies.read(onlyArgument(context, "<name>"));
    if (!printedAsData(context, policy)) terminal.print(policyText(policy, terminal.colours));
    return 0;
  },
};

export const aclPolicySelf: Command = {
  usage: "acl policy self [options]",
  about: "Lists the policies of the token that asks, or of the workload whose identity it is.",
  connects: true,
  flags: DATA_FLAGS,
  async run(context) {
    noArguments(context);
    const { terminal, api } = context;
    const { value: own } = await api.acl.policies.self();
    if (printedAsData(context, own)) return 0;
    terminal.print(own.length === 0 ? "No policies found" : ownPolicyTable(own));
    return 0;
  },
};

export const aclPolicyDelete: Command = {
  usage: "acl policy delete <name>",
  about: "Removes a policy. Tokens and roles that name it lose what it gave at once.",
  connects: true,
  flags: {},
  async run(context) {
    const name = onlyArgument(context, "<name>");
    await context.api.acl.policies.delete(name);
    context.terminal.print(`Successfully deleted ${JSON.stringify(name)} policy!`);
    return 0;
  },
};
