/** Membership by the private Consuls beside the servers: their gossip, and their catalog for what gossip does not carry. */
import type { Clock, GossipKeys, JoinOutcome, Membership } from "#ports";
import { NamedError, messageOf } from "#std";
import { hostPort, membersOf, portOf, type SerfMember, type ServerEntry } from "./membership-reading.ts";
import { keepSelfRegistered, SERVER_SERVICE, type ServerSelf } from "./membership-self.ts";
import { requireGossipKey } from "./private/agent-config.ts";
import { gossipProblem } from "./private/gossip-key.ts";
import { addressesOf, type NameLookup } from "./private/join-addresses.ts";
import type { Tell } from "./private/options.ts";
import type { PrivateConsul } from "./private/private-consul.ts";
import { accessorOf } from "./private/secrets.ts";
import { ConsulProblem } from "./problem.ts";

export interface PrivateMembershipOptions {
  readonly consul: PrivateConsul;
  readonly self: ServerSelf;
  /** Of startPulse(). */
  readonly pulseUrl: string;
  /**
   * Shows this server to the one whose node link is there (Peers.introduce) before their gossips meet; rejects when they must not, or it does not
   * answer. Not called for addresses of this server itself.
   */
  introduce(rpcAddress: string): Promise<void>;
  /** Default: the machine's. */
  readonly lookup?: NameLookup;
  readonly clock: Clock;
  readonly report: Tell;
}

interface Keyring {
  readonly WAN: boolean;
  readonly Keys: Readonly<Record<string, number>> | null;
  readonly PrimaryKeys: Readonly<Record<string, number>> | null;
  readonly NumNodes: number;
}

const CATALOG_WAIT_MS = 2_000;
/** A Consul that knows no leader may still answer from what it had; one that never had any thinks about it for seconds, and has nothing to tell. */
const LEADERLESS_WAIT_MS = 250;
const KEY_METHODS = { install: "POST", use: "PUT", remove: "DELETE" } as const;

export function privateMembership(options: PrivateMembershipOptions): Membership {
  const { consul, self, pulseUrl, clock, report } = options;
  const entry = keepSelfRegistered({ connection: consul.connection, self, serviceId: SERVER_SERVICE, pulseUrl, clock, report });
  // In a cluster of servers whose ports stand apart as ours do, the node link is where theirs is.
  const rpcFromSerf = Number(portOf(self.rpcAddress)) - self.serfPort;
  return {
    async members() {
      const [gossip, entries] = await Promise.all([consul.agent.direct<SerfMember[]>("GET", "/agent/members"), inCatalog()]);
      return membersOf(gossip, entries, self);
    },
    async join(addresses) {
      const outcomes = await Promise.all(
        addresses.map(async (address): Promise<JoinOutcome> => {
          try {
            const places = await addressesOf(address, self.serfPort, options.lookup);
            return sum(await Promise.all(places.map((place) => joinOne(place.host, place.port))));
          } catch (thrown) {
            return { Joined: 0, Problems: [`${address}: ${messageOf(thrown)}`] };
          }
        }),
      );
      return sum(outcomes);
    },
    async forceLeave(name, prune) {
      const node = name.endsWith(`.${self.region}`) ? name.slice(0, -self.region.length - 1) : name;
      await consul.connection
        .direct("PUT", `/agent/force-leave/${encodeURIComponent(node)}`, { query: prune ? { prune: "" } : {} })
        .catch((thrown: unknown) => {
          if (!(thrown instanceof ConsulProblem && /no node found/i.test(thrown.message))) throw thrown;
        });
    },
    async leave() {
      entry.close();
      await consul.stop("leave");
    },
    async gossipKeys(): Promise<GossipKeys> {
      requireEncrypted(consul);
      const rings = await consul.connection.direct<Keyring[]>("GET", "/operator/keyring");
      const ring = rings.find(({ WAN }) => !WAN);
      return { Keys: ring?.Keys ?? {}, PrimaryKeys: ring?.PrimaryKeys ?? {}, Members: ring?.NumNodes ?? 0 };
    },
    async changeGossipKey(change, key) {
      requireEncrypted(consul);
      requireGossipKey(key);
      if (change === "install") await addToken(consul, key);
      await consul.connection.direct(KEY_METHODS[change], "/operator/keyring", { body: { Key: key } });
      if (change === "remove") await removeToken(consul, key);
    },
    async close() {
      entry.close();
    },
  };

  /** Gossip alone will do where the catalog does not answer. */
  async function inCatalog(): Promise<readonly ServerEntry[]> {
    const asked = consul.connection
      .direct<ServerEntry[]>("GET", `/health/service/${SERVER_SERVICE}`, { query: { stale: "" } })
      .catch(() => []);
    const leader = await consul.agent.direct<string>("GET", "/status/leader").catch(() => "");
    return Promise.race([asked, clock.sleep(leader === "" ? LEADERLESS_WAIT_MS : CATALOG_WAIT_MS).then((): ServerEntry[] => [])]);
  }

  async function joinOne(host: string, port: number): Promise<JoinOutcome> {
    const place = hostPort(host, port);
    try {
      // Oneself one has always joined: it says nothing.
      if (place === hostPort(addressOfSelf(), self.serfPort)) return { Joined: 0, Problems: [] };
      await options.introduce(hostPort(host, port + rpcFromSerf));
      await consul.agent.direct("PUT", `/agent/join/${encodeURIComponent(place)}`);
      return { Joined: 1, Problems: [] };
    } catch (thrown) {
      return { Joined: 0, Problems: [`${place}: ${gossipProblem(messageOf(thrown))}`] };
    }
  }

  function addressOfSelf(): string {
    return self.rpcAddress.slice(0, self.rpcAddress.lastIndexOf(":")).replaceAll(/[[\]]/g, "");
  }
}

function sum(outcomes: readonly JoinOutcome[]): JoinOutcome {
  return {
    Joined: outcomes.reduce((count, { Joined }) => count + Joined, 0),
    Problems: outcomes.flatMap(({ Problems }) => Problems),
  };
}

function requireEncrypted({ encrypted }: PrivateConsul): void {
  if (encrypted) return;
  throw new NamedError("GOSSIP_NOT_ENCRYPTED", "Cannot look at gossip's keys: gossip is not encrypted", {
    statusCode: 400,
    fix: 'Give all servers one key: server { encrypt } ("drover operator gossip keyring generate" makes one).',
  });
}

/** Servers that are configured with the new key derive this token from it: it must be there before they are. */
async function addToken(consul: PrivateConsul, gossipKey: string): Promise<void> {
  const secret = consul.managementTokenOf(gossipKey);
  if (secret === "" || secret === consul.address.token) return;
  const token = {
    AccessorID: accessorOf(secret),
    SecretID: secret,
    Description: "Drover servers, from a key of gossip",
    Policies: [{ Name: "global-management" }],
  };
  await consul.connection.direct("PUT", "/acl/token", { body: token }).catch((thrown: unknown) => {
    if (!(thrown instanceof ConsulProblem && /already in use/i.test(thrown.message))) throw thrown;
  });
}

async function removeToken(consul: PrivateConsul, gossipKey: string): Promise<void> {
  const secret = consul.managementTokenOf(gossipKey);
  if (secret === "" || secret === consul.address.token) return;
  const { AccessorID } = await consul.connection
    .direct<{ AccessorID: string }>("GET", "/acl/token/self", { token: secret })
    .catch((thrown: unknown) => {
      if (thrown instanceof ConsulProblem && thrown.status === 403) return { AccessorID: "" };
      throw thrown;
    });
  if (AccessorID !== "") await consul.connection.direct("DELETE", `/acl/token/${AccessorID}`);
}
