/** Membership by a Consul that others keep: servers find each other in its catalog, and its gossip is not ours. */
import type { Clock, Membership } from "#ports";
import { NamedError, messageOf } from "#std";
import type { ConsulConnection } from "./connection.ts";
import { membersInCatalog, type ServerEntry } from "./membership-reading.ts";
import { keepSelfRegistered, SERVER_SERVICE, type ServerSelf } from "./membership-self.ts";
import type { Tell } from "./private/options.ts";

export interface ExternalMembershipOptions {
  readonly connection: ConsulConnection;
  readonly self: ServerSelf;
  /** Of startPulse(), at an address the Consul agent reaches. */
  readonly pulseUrl: string;
  readonly clock: Clock;
  readonly report: Tell;
}

/** As long as gossip remembers those that failed. */
const FORGET_AFTER = "24h";

export function externalMembership({ connection, self, pulseUrl, clock, report }: ExternalMembershipOptions): Membership {
  const serviceId = `${SERVER_SERVICE}-${self.serverId}`;
  const entry = keepSelfRegistered({ connection, self, serviceId, pulseUrl, forgetAfter: FORGET_AFTER, clock, report });
  const entries = (): Promise<ServerEntry[]> =>
    connection.direct<ServerEntry[]>("GET", `/health/service/${SERVER_SERVICE}`, { query: { stale: "" } });
  const notOurs = (): NamedError =>
    new NamedError(
      "GOSSIP_NOT_ENCRYPTED",
      "Cannot look at gossip's keys: servers find each other in an external Consul, whose gossip is its own",
      {
        statusCode: 400,
        fix: 'Ask that Consul: "consul keyring -list".',
      },
    );
  return {
    async members() {
      return membersInCatalog(await entries().catch(() => []), self);
    },
    async join() {
      throw new NamedError("JOIN_BY_CONSUL", "Cannot join: servers that use an external Consul find each other in its catalog", {
        statusCode: 400,
        fix: "Give the other server the same consul { address } and region.",
      });
    },
    async forceLeave(name) {
      const gone = (await entries()).filter(({ Service }) => {
        const meta = Service.Meta ?? {};
        return meta.region === self.region && (meta.name === name || `${meta.name}.${meta.region}` === name);
      });
      for (const { Node, Service } of gone)
        await connection.direct("PUT", "/catalog/deregister", { body: { Node: Node.Node, ServiceID: Service.ID } });
    },
    async leave() {
      await entry.remove().catch((thrown: unknown) => report("warn", `the server stays in Consul's catalog: ${messageOf(thrown)}`));
    },
    gossipKeys: () => Promise.reject(notOurs()),
    changeGossipKey: () => Promise.reject(notOurs()),
    async close() {
      entry.close();
    },
  };
}
