/** `drover node identity get` and `renew`, `node intro create`: nomad.md §4.3. */
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import type { FlagTable } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { table } from "../render/columns.ts";
import { resolveNode } from "../resolve.ts";

const NODE_FLAG: FlagTable = { "node-id": { kind: "text", value: "node", about: "The node, instead of the argument" } };

async function nodeMeant(context: Context) {
  return resolveNode(context, context.flags.text("node-id") ?? onlyArgument(context, "<node>"));
}

export const nodeIdentityGet: Command = {
  usage: "node identity get [options] [<node>]",
  about: "Shows the claims of the identity a node was last given by the server it is connected to.",
  connects: true,
  flags: { ...NODE_FLAG, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    const node = await nodeMeant(context);
    const { value } = await api.system.nodeIdentity(node.ID);
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value, flags.text("t"));
      return 0;
    }
    terminal.print(table([["Claim Key", "Claim Value"], ...claimRows(value.Claims)]));
    return 0;
  },
};

/** Registered names first; times as people read them. Pure. */
export function claimRows(claims: Readonly<Record<string, unknown>>): readonly (readonly [string, string])[] {
  const own = (name: string): number => (name.startsWith("nomad_") ? 1 : 0);
  return Object.entries(claims)
    .toSorted(([a], [b]) => own(a) - own(b) || (a < b ? -1 : 1))
    .map(([name, claim]) => [name, ["exp", "iat", "nbf"].includes(name) ? new Date(Number(claim) * 1000).toISOString() : String(claim)]);
}

export const nodeIdentityRenew: Command = {
  usage: "node identity renew [options] [<node>]",
  about: "Gives a node another identity with its next heartbeat, however fresh the one it has.",
  connects: true,
  flags: NODE_FLAG,
  async run(context) {
    const node = await nodeMeant(context);
    await context.api.system.renewNodeIdentity(node.ID);
    return 0;
  },
};

const NS_PER_MS = 1e6;

export const nodeIntroCreate: Command = {
  usage: "node intro create [options]",
  about:
    "Makes the first token of a node that is new: it shows it once, as NOMAD_CLIENT_INTRO_TOKEN or in the file intro_token.jwt of its state, where " +
    "the servers ask for one (server { client_introduction { enforcement } }). A secret until it expires.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    "node-name": { kind: "text", value: "name", about: "Only for a node of this name" },
    "node-pool": { kind: "text", value: "pool", about: 'Only for a node of this pool; default: "default"' },
    ttl: { kind: "duration", value: "duration", about: "How long it is good for; the servers' default: 5m" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value } = await api.system.introduceNode({
      ttlMs: (flags.duration("ttl") ?? 0) / NS_PER_MS,
      nodeName: flags.text("node-name") ?? "",
      nodePool: flags.text("node-pool") ?? "",
    });
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value, flags.text("t"));
      return 0;
    }
    terminal.print(`Successfully generated client introduction token:\n\n${value.JWT}`);
    return 0;
  },
};
