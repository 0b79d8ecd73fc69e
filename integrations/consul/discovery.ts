/** Where the servers are, by Consul's catalog: for a node that was given nothing but `consul { }`. nomad.md §5.4 client_auto_join. */
import type { ConsulConnection } from "./connection.ts";
import { catalogError } from "./catalog.ts";

interface Entry {
  readonly Node: { readonly Address: string };
  readonly Service: { readonly Address: string; readonly Port: number };
}

/**
 * host:port of the servers' node link (4647): services of that name with tag rpc whose checks pass. None is an answer. Each call asks anew,
 * and rejects with NamedError CATALOG_UNREACHABLE, CATALOG_TOKEN_UNKNOWN, CATALOG_DENIED.
 */
export function consulServers(connection: ConsulConnection, serviceName: string): () => Promise<readonly string[]> {
  return async () => {
    try {
      const entries = await connection.ask<Entry[]>((consul, common) =>
        consul.health.service({ ...common, service: serviceName, tag: "rpc", passing: true }),
      );
      return [...new Set(entries.map(addressOf))].toSorted();
    } catch (thrown) {
      throw catalogError(
        thrown,
        `look for servers as service "${serviceName}"`,
        `service "${serviceName}" { policy = "read" } node_prefix "" { policy = "read" }`,
      );
    }
  };
}

function addressOf({ Node, Service }: Entry): string {
  const host = Service.Address === "" ? Node.Address : Service.Address;
  return `${host.includes(":") ? `[${host}]` : host}:${Service.Port}`;
}
