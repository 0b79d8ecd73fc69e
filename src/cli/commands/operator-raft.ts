/** `drover operator raft remove-peer` and `transfer-leadership`: nomad.md §4.3. list-peers is in operator-servers.ts. */
import { endpointPath } from "#api/contract";
import type { Command, Context } from "../command.ts";
import { UsageError } from "../flags.ts";
import { noArguments } from "../only-argument.ts";

const WHICH = {
  "peer-id": { kind: "text", value: "id", about: "The server's id" },
  "peer-address": { kind: "text", value: "IP:port", about: "The server's address" },
} as const;

function which({ flags }: Context): { readonly id?: string; readonly address?: string } {
  const [id, address] = [flags.text("peer-id"), flags.text("peer-address")];
  if ((id === undefined) === (address === undefined)) throw new UsageError("One of -peer-id and -peer-address must be given");
  return id === undefined ? { address: address as string } : { id };
}

function shown({ id, address }: ReturnType<typeof which>): string {
  return id === undefined ? `address ${JSON.stringify(address)}` : `id ${JSON.stringify(id)}`;
}

export const operatorRaftRemovePeer: Command = {
  usage: "operator raft remove-peer [options]",
  about: "Forgets a server that is gone for good, so that it is not counted any more.",
  connects: true,
  flags: WHICH,
  async run(context) {
    noArguments(context);
    const peer = which(context);
    await context.api.request.delete(endpointPath("raft-peer", {}), { parameters: peer });
    context.terminal.print(`Removed peer with ${shown(peer)}`);
    return 0;
  },
};

export const operatorRaftTransferLeadership: Command = {
  usage: "operator raft transfer-leadership [options]",
  about: "Has another server lead.",
  connects: true,
  flags: WHICH,
  async run(context) {
    noArguments(context);
    const peer = which(context);
    await context.api.request.put(endpointPath("raft-transfer-leadership", {}), undefined, { parameters: peer });
    context.terminal.print(`Leadership is being transferred to the server with ${shown(peer)}`);
    return 0;
  },
};
