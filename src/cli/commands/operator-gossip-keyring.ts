/** `drover operator gossip keyring generate`: nomad.md §4.3. */
import { randomBytes } from "node:crypto";
import type { Command } from "../command.ts";
import { noArguments } from "../only-argument.ts";

const KEY_BYTES = 32;

export const operatorGossipKeyringGenerate: Command = {
  usage: "operator gossip keyring generate",
  about: "Makes a key for server { encrypt = … }, the same on every server.",
  connects: false,
  flags: {},
  async run(context) {
    noArguments(context);
    context.terminal.print(randomBytes(KEY_BYTES).toString("base64"));
    return 0;
  },
};
