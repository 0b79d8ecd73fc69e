/** `drover operator gossip keyring …`: nomad.md §4.3. */
import { randomBytes } from "node:crypto";
import { endpointPath } from "#api/contract";
import type { Command, Context } from "../command.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { table } from "../render/columns.ts";

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

interface GossipKeysAnswer {
  readonly Keys: Readonly<Record<string, number>>;
  readonly PrimaryKeys: Readonly<Record<string, number>>;
  readonly NumNodes: number;
}

export const operatorGossipKeyringList: Command = {
  usage: "operator gossip keyring list [options]",
  about: "Lists the keys the servers' gossip is encrypted with, and on how many servers each is.",
  connects: true,
  flags: {},
  async run(context) {
    noArguments(context);
    const { value } = await context.api.request.get<GossipKeysAnswer>(endpointPath("agent-keyring-list", {}));
    context.terminal.print(
      table([
        ["Key", "Primary", "Servers"],
        ...Object.entries(value.Keys).map(([key, count]) => [
          key,
          String(Object.hasOwn(value.PrimaryKeys, key)),
          `${count}/${value.NumNodes}`,
        ]),
      ]),
    );
    return 0;
  },
};

const change = (verb: "install" | "use" | "remove", about: string, done: string): Command => ({
  usage: `operator gossip keyring ${verb} [options] <key>`,
  about,
  connects: true,
  flags: {},
  async run(context: Context) {
    const key = onlyArgument(context, "<key>");
    await context.api.request.put(endpointPath(`agent-keyring-${verb}`, {}), { Key: key });
    context.terminal.print(done);
    return 0;
  },
});

export const operatorGossipKeyringInstall = change(
  "install",
  "Gives every server another key of the gossip; the present one goes on being used.",
  "Installed the key on every server",
);
export const operatorGossipKeyringUse = change(
  "use",
  "Encrypts the gossip with this key, which is installed.",
  "The key is the primary one now",
);
export const operatorGossipKeyringRemove = change(
  "remove",
  "Takes a key that is not the primary one away.",
  "Removed the key from every server",
);
