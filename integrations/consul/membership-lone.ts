/** Membership of a server that stands alone (its log is on its own disk): itself. */
import type { Membership } from "#ports";
import { NamedError } from "#std";
import { selfAsMember } from "./membership-reading.ts";
import type { ServerSelf } from "./membership-self.ts";

export function loneMembership(self: ServerSelf): Membership {
  const noGossip = (): NamedError =>
    new NamedError("GOSSIP_NOT_ENCRYPTED", "Cannot look at gossip's keys: this server stands alone, and there is no gossip", {
      statusCode: 400,
    });
  return {
    members: async () => [{ ...selfAsMember(self), Voter: true }],
    async join(addresses) {
      throw new NamedError(
        "JOIN_ALONE",
        `Cannot join ${addresses.join(", ")}: this server keeps its log on its own disk, wanted one that shares it`,
        {
          statusCode: 400,
          fix: 'Stop it, run "drover operator raft migrate-backend -to=consul", and start it with server { retry_join }.',
        },
      );
    },
    forceLeave: async () => undefined,
    leave: async () => undefined,
    gossipKeys: () => Promise.reject(noGossip()),
    changeGossipKey: () => Promise.reject(noGossip()),
    close: async () => undefined,
  };
}
