/** `drover scaling policy list`, `scaling policy info`: nomad.md §4.3. */
import type { ScalingPolicyStub } from "#api/contract";
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { keyValues, table } from "../render/columns.ts";

export const scalingPolicyList: Command = {
  usage: "scaling policy list [options]",
  about: "Lists the scaling policies of jobs: what an autoscaler may do.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    job: { kind: "text", value: "job", about: "Only this job's" },
    type: { kind: "text", value: "type", about: "Only those of this type: horizontal, vertical_cpu, vertical_mem" },
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const { value } = await api.scaling.policies({ job: flags.text("job") ?? "", type: flags.text("type") ?? "" });
    if (flags.flag("json") || flags.given("t")) printData(terminal, value, flags.text("t"));
    else if (value.length === 0) terminal.print("No policies found");
    else {
      terminal.print(
        table([
          ["ID", "Enabled", "Type", "Target"],
          ...value
            .toSorted((left, right) => (targetText(left) < targetText(right) ? -1 : 1))
            .map((each) => [flags.flag("verbose") ? each.ID : each.ID.slice(0, 8), String(each.Enabled), each.Type, targetText(each)]),
        ]),
      );
    }
    return 0;
  },
};

export const scalingPolicyInfo: Command = {
  usage: "scaling policy info [options] <policy>",
  about: "Shows a scaling policy. <policy> is an id or a unique prefix.",
  connects: true,
  flags: { ...DATA_FLAGS, verbose: { kind: "boolean", about: "Full ids" } },
  async run(context) {
    const { flags, terminal, api } = context;
    const typed = context.arguments[0];
    if (typed === undefined || context.arguments.length > 1) throw new UsageError("This command takes one argument: <policy>");
    if (typed === "") throw new NamedError("ID_INVALID", 'No scaling policy "": an id has at least one character');
    const { value: all } = await api.scaling.policies();
    const [found, ...more] = all.filter((each) => each.ID.startsWith(typed));
    if (found === undefined) throw new NamedError("ID_UNKNOWN", `No scaling policies with prefix or id ${JSON.stringify(typed)} found`);
    if (more.length > 0)
      throw new NamedError(
        "ID_AMBIGUOUS",
        `Prefix ${JSON.stringify(typed)} matched multiple policies\n\n${table([["ID", "Type", "Target"], ...[found, ...more].map((each) => [each.ID, each.Type, targetText(each)])])}`,
      );
    const { value: policy } = await api.scaling.policy(found.ID);
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, policy, flags.text("t"));
      return 0;
    }
    terminal.print(
      keyValues([
        ["ID", flags.flag("verbose") ? policy.ID : policy.ID.slice(0, 8)],
        ["Target", targetText(policy)],
        ["Policy Type", policy.Type],
        ["Enabled", String(policy.Enabled)],
        ["Min", String(policy.Min)],
        ["Max", String(policy.Max)],
      ]),
    );
    terminal.print(`\n${terminal.colours.bold("Policy:")}\n${JSON.stringify(policy.Policy, null, 4)}`);
    return 0;
  },
};

/** "Namespace:default,Job:web,Group:page" */
export function targetText({ Target }: Pick<ScalingPolicyStub, "Target">): string {
  return ["Namespace", "Job", "Group", "Task"]
    .flatMap((key) => (Target[key] === undefined || Target[key] === "" ? [] : [`${key}:${Target[key]}`]))
    .join(",");
}
