/** Both ends of the network link in one process, over the loopback. */
import { QUIET_SERVERS } from "../../../quiet-servers.ts";
import { createHostClock, createHostRandom } from "#integrations/host";
import {
  networkLink,
  type NetworkLink,
  type NetworkLinkOptions,
  serveLink,
  type ServedLink,
  type ServeLinkOptions,
} from "#integrations/link";
import type { NodeId } from "#model";
import type { AllocationsChanged, Link, NodeEnd, NodeServices } from "#ports";

export const silent = (): void => undefined;

export function serve(accept: ServeLinkOptions["accept"], options: Partial<ServeLinkOptions> = {}): Promise<ServedLink> {
  return serveLink({ accept, host: "127.0.0.1", port: 0, report: silent, ...options });
}

export function linkTo(servers: readonly string[], options: Partial<NetworkLinkOptions> = {}): NetworkLink {
  return networkLink({ servers: async () => servers, clock: createHostClock(), random: createHostRandom(), ...options });
}

export interface Acceptor {
  readonly accept: Link;
  /** The newest node's end. */
  readonly end: () => NodeEnd;
  readonly closed: string[];
  connected: number;
}

/** A servers' end that lets everybody in. */
export function acceptor(register?: (end: NodeEnd) => void): Acceptor {
  let newest: NodeEnd | undefined;
  const made: Acceptor = {
    end: () => newest as NodeEnd,
    closed: [],
    connected: 0,
    accept: {
      async connect(node, end) {
        newest = end;
        made.connected++;
        return {
          async register() {
            register?.(end);
            return { HeartbeatTtlMs: 10_000 };
          },
          heartbeat: async () => ({ HeartbeatTtlMs: 10_000 }),
          updateAllocations: async () => undefined,
          ...QUIET_SERVERS,
          close: () => void made.closed.push(node.ID),
        };
      },
    },
  };
  return made;
}

export const NODE = { ID: "11111111-2222-4333-8444-555555555555" as NodeId, SecretID: "secret" };

/** A node's end with these services; what it is told is kept. */
export function nodeEnd(services: Partial<NodeServices> = {}): NodeEnd & { readonly heard: AllocationsChanged[] } {
  const heard: AllocationsChanged[] = [];
  return {
    heard,
    allocationsChanged: (change) => void heard.push(change),
    servicesChanged: () => undefined,
    services: services as NodeServices,
  };
}
