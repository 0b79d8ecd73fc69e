/** Who leads, who is there, which regions: plain strings and lists. */
import { value, type Handler } from "../call.ts";
import { requireCluster } from "../require.ts";
import { membersOf } from "./members.ts";

export const readLeader: Handler = (_call, context) => value(requireCluster(context).leaderAddress, indexed(context.cluster?.state.index));
export const listPeers: Handler = async (_call, context) => {
  requireCluster(context);
  const members = await membersOf(context);
  return value(
    members.map((member) => addressOf(member.Addr, member.Tags["port"] ?? String(member.Port))),
    indexed(context.cluster?.state.index),
  );
};
export const listRegions: Handler = (_call, context) => value([context.region], indexed(context.cluster?.state.index));

function indexed(index: number | undefined) {
  return index === undefined ? {} : { index };
}

function addressOf(host: string, port: string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
