/** Membership within one process: servers of a simulation see each other here, and are failed by hand. */
import type { Membership, MemberStatus, ServerMember } from "#ports";
import { NamedError } from "#std";

export interface MemoryMembershipWorld {
  /** The membership of one server. */
  at(self: ServerMember): Membership;
  setStatus(serverId: string, status: MemberStatus): void;
}

/** All servers of one world are joined from the start unless `joined` is false; then `join` by "host:port" of Serf puts groups together. */
export function memoryMembership(options: { readonly joined?: boolean } = {}): MemoryMembershipWorld {
  const servers = new Map<string, { member: ServerMember; group: number }>();
  let groups = 0;
  const groupOf = (serverId: string): number => servers.get(serverId)?.group ?? -1;
  const setStatus = (serverId: string, status: MemberStatus): void => {
    const found = servers.get(serverId);
    if (found !== undefined) found.member = { ...found.member, Status: status };
  };
  const notEncrypted = (): NamedError =>
    new NamedError("GOSSIP_NOT_ENCRYPTED", "Cannot look at gossip's keys: gossip is not encrypted", { statusCode: 400 });
  return {
    setStatus,
    at(self) {
      servers.set(self.ServerId, { member: self, group: options.joined === false ? groups++ : 0 });
      return {
        members: async () =>
          [...servers.values()]
            .filter(({ group }) => group === groupOf(self.ServerId))
            .map(({ member }) => member)
            .toSorted((one, other) => (one.Name < other.Name ? -1 : 1)),
        async join(addresses) {
          const problems: string[] = [];
          let joined = 0;
          for (const address of addresses) {
            const found = [...servers.values()].find(({ member }) =>
              [`${member.Address}:${member.Port}`, member.Address].includes(address),
            );
            if (found === undefined || found.member.Status !== "alive") {
              problems.push(`${address}: nobody answers`);
              continue;
            }
            joined += 1;
            const theirs = found.group;
            for (const each of servers.values()) if (each.group === theirs) each.group = groupOf(self.ServerId);
          }
          return { Joined: joined, Problems: problems };
        },
        async forceLeave(name, prune) {
          for (const [id, { member }] of servers) {
            if (member.Name !== name && member.Name !== `${name}.${member.Region}`) continue;
            if (prune) servers.delete(id);
            else setStatus(id, "left");
          }
        },
        leave: async () => setStatus(self.ServerId, "left"),
        gossipKeys: () => Promise.reject(notEncrypted()),
        changeGossipKey: () => Promise.reject(notEncrypted()),
        close: async () => undefined,
      };
    },
  };
}
