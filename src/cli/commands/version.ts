/** `drover version`. nomad.md §4.4. */
import { VERSION } from "#std";
import type { Command } from "../command.ts";

export const version: Command = {
  usage: "version",
  about: "Shows the version of this program, and of Nomad's interface it speaks.",
  flags: {},
  connects: false,
  async run({ terminal }) {
    terminal.print(`Drover v${VERSION.drover}`);
    terminal.print(`Speaks Nomad v${VERSION.nomad}`);
    return 0;
  },
};
