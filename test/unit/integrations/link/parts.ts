/** Both ends of the network link in one process, over the loopback. */
import { QUIET_SERVERS } from "../../../quiet-servers.ts";
import { createHostClock, createHostRandom } from "#integrations/host";
import { networkLink, serveLink, type LinkTls, type ServedLink } from "#integrations/link";
import type { NodeId } from "#model";
import type { AllocationsChanged, Link, NodeEnd, NodeServices } from "#ports";

export const silent = (): void => undefined;

export function serve(accept: Link, options: { readonly port?: number; readonly tls?: LinkTls } = {}): Promise<ServedLink> {
  return serveLink({
    accept,
    host: "127.0.0.1",
    port: options.port ?? 0,
    report: silent,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
}

export function linkTo(servers: readonly string[], options: { readonly tls?: LinkTls; readonly version?: number } = {}): Link {
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
