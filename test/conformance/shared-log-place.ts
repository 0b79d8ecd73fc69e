/** A folder of a real Consul's KV as the place servers share, each with a main loop that answers Consul's check. */
import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { consulConnection, consulSharedLog, type ConsulConnection, type ConsulSharedLogOptions } from "#integrations/consul";
import { createHostClock } from "#integrations/host";
import type { SharedLog } from "#ports";
import type { Asker } from "../live/parts/asker.ts";
import type { SharedPlace } from "./shared-log.ts";

export interface ConsulPlace extends SharedPlace {
  readonly prefix: string;
  /** What was reported to operators. */
  readonly reported: string[];
  /** The main loop of this server answers no more. */
  hang(server: string): Promise<void>;
}

export function connectionTo(address: string, token = ""): ConsulConnection {
  return consulConnection({ address, token, auth: "", tls: { caFile: "", certFile: "", keyFile: "", verify: true }, timeoutMs: 5_000 });
}

export async function pulseServer(): Promise<{ readonly http: string; close(): Promise<void> }> {
  const server: Server = createServer((_, response) => void response.end("ok"));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    http: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface ConsulPlaceOptions extends Partial<Omit<ConsulSharedLogOptions, "connection">> {
  /** Where each server reaches Consul. Default: `at`'s. */
  readonly addressOf?: (server: string) => string;
  readonly token?: string;
}

export async function consulPlace(at: Asker & { readonly httpAddress: string }, options: ConsulPlaceOptions = {}): Promise<ConsulPlace> {
  const { addressOf = () => at.httpAddress, token, ...more } = options;
  const prefix = options.prefix ?? `test-${randomUUID()}`;
  const key = options.key ?? randomBytes(32);
  const reported: string[] = [];
  const connections: ConsulConnection[] = [];
  const pulses = new Map<string, Awaited<ReturnType<typeof pulseServer>>>();
  return {
    prefix,
    reported,
    async open(server): Promise<SharedLog> {
      const connection = connectionTo(addressOf(server), token);
      connections.push(connection);
      const pulse = pulses.get(server) ?? (await pulseServer());
      pulses.set(server, pulse);
      return consulSharedLog({
        connection,
        prefix,
        key,
        pulse: { id: `${prefix}-${server}`, http: pulse.http },
        clock: createHostClock(),
        report: (message) => void reported.push(message),
        ...more,
      });
    },
    async endTenure() {
      const [lock] = await at.get<{ Session?: string }[]>(`/v1/kv/${prefix}/lock`);
      if (lock?.Session !== undefined) await at.put(`/v1/session/destroy/${lock.Session}`);
    },
    async wipe() {
      const sessions = await at.get<{ ID: string; Name: string }[]>("/v1/session/list");
      await at.api(`/v1/kv/${prefix}/?recurse`, { method: "DELETE" });
      for (const { ID, Name } of sessions) if (Name.includes(prefix)) await at.put(`/v1/session/destroy/${ID}`);
    },
    async hang(server) {
      await pulses.get(server)?.close();
    },
    async remove() {
      for (const connection of connections) connection.close();
      for (const pulse of pulses.values()) await pulse.close();
      await at.api(`/v1/kv/${prefix}/?recurse`, { method: "DELETE" }).catch(() => undefined);
    },
  };
}
