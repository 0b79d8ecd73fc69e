/** `drover alloc checks`: the last results of an allocation's service checks. nomad.md §4.3, §4.4. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { onlyArgument } from "../only-argument.ts";
import { keyValues } from "../render/columns.ts";
import { localRfc3339 } from "../render/time.ts";
import { resolveAllocation } from "../resolve.ts";

export const allocChecks: Command = {
  usage: "alloc checks [options] <allocation>",
  about: "Shows what the checks of an allocation's services said last.",
  connects: true,
  flags: { ...DATA_FLAGS, verbose: { kind: "boolean", about: "Full ids" } },
  async run(context) {
    const { flags, terminal, api } = context;
    const allocation = await resolveAllocation(context, onlyArgument(context, "<allocation>"));
    const { value: checks } = await api.allocations.checks(allocation.ID);
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, checks, flags.text("t"));
      return 0;
    }
    const all = Object.values(checks).toSorted((left, right) => (left.Service + left.Check < right.Service + right.Check ? -1 : 1));
    const id = flags.flag("verbose") ? allocation.ID : allocation.ID.slice(0, 8);
    if (all.length === 0) {
      terminal.print(`No checks found for allocation ${JSON.stringify(id)}`);
      return 0;
    }
    terminal.print(`Status of ${all.length} Nomad Service Checks`);
    for (const check of all) {
      const task = check.Task === "" ? "(group)" : check.Task;
      terminal.print(
        `\n${keyValues([
          ["ID", flags.flag("verbose") ? check.ID : check.ID.slice(0, 8)],
          ["Name", check.Check],
          ["Group", check.Group],
          ["Task", task],
          ["Service", check.Service],
          ["Status", check.Status],
          ...(check.StatusCode === 0 ? [] : ([["StatusCode", String(check.StatusCode)]] as const)),
          ["Mode", check.Mode],
          ["Timestamp", check.Timestamp === 0 ? "--" : localRfc3339(new Date(check.Timestamp * 1000))],
          ["Output", check.Output],
        ])}`,
      );
    }
    return 0;
  },
};
