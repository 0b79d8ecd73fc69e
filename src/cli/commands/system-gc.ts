/** `drover system gc`: nomad.md §4.3. */
import type { Command } from "../command.ts";

export const systemGc: Command = {
  usage: "system gc",
  about: "Removes at once what is dead: jobs, evaluations, allocations (with what they left on their nodes) and nodes.",
  connects: true,
  flags: {},
  async run({ api }) {
    await api.system.collectGarbage();
    return 0;
  },
};
