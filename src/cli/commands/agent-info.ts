/** `drover agent-info`: nomad.md §4.3. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";

export const agentInfo: Command = {
  usage: "agent-info [options]",
  about: "Shows counts and facts the agent keeps of itself.",
  connects: true,
  flags: DATA_FLAGS,
  async run({ flags, terminal, api }) {
    const { value } = await api.agent.self();
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value, flags.text("t"));
      return 0;
    }
    for (const [group, facts] of Object.entries(value.stats).toSorted(([left], [right]) => (left < right ? -1 : 1))) {
      terminal.print(group);
      for (const [name, fact] of Object.entries(facts).toSorted(([left], [right]) => (left < right ? -1 : 1)))
        terminal.print(`  ${name} = ${fact}`);
    }
    return 0;
  },
};
