/**
 * This server's own entry in Consul's catalog: where its node link and its API are, and a check that its main loop answers. Kept there while we
 * run: looked at every half minute, tried again every second while it is not. Nobody takes it out but leave().
 */
import { randomUUID } from "node:crypto";
import type { Clock, Timer } from "#ports";
import { messageOf } from "#std";
import type { ConsulConnection } from "./connection.ts";
import type { Tell } from "./private/options.ts";

/** Other services of that name are nobody's. */
export const SERVER_SERVICE = "drover-server";

export interface ServerSelf {
  /** Without the region. */
  readonly name: string;
  readonly region: string;
  readonly datacenter: string;
  readonly serverId: string;
  /** host:port each, as others reach it. */
  readonly rpcAddress: string;
  readonly httpAddress: string;
  readonly serfPort: number;
  readonly version: string;
}

/** Of a service's Meta. */
export interface ServerMeta {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly dc: string;
  readonly rpc: string;
  readonly http: string;
  readonly serf: string;
  readonly version: string;
}

export interface SelfOptions {
  readonly connection: ConsulConnection;
  readonly self: ServerSelf;
  /** Distinguishes several on one Consul agent. */
  readonly serviceId: string;
  /** Where Consul asks whether our main loop runs. */
  readonly pulseUrl: string;
  /** "24h": Consul forgets a server that was silent for so long. Without: it stays as long as its Consul. */
  readonly forgetAfter?: string;
  readonly clock: Clock;
  readonly report: Tell;
}

export interface SelfEntry {
  remove(): Promise<void>;
  close(): void;
}

const LOOK_MS = 30_000;
const AGAIN_MS = 1000;
/** A new cluster takes a while to have a leader: nothing to tell. */
const SILENT_TRIES = 30;

export function metaOf({ serverId, name, region, datacenter, rpcAddress, httpAddress, serfPort, version }: ServerSelf): ServerMeta {
  return { id: serverId, name, region, dc: datacenter, rpc: rpcAddress, http: httpAddress, serf: String(serfPort), version };
}

export function keepSelfRegistered({ connection, self, serviceId, pulseUrl, forgetAfter, clock, report }: SelfOptions): SelfEntry {
  const registration = registrationOf(self, serviceId, pulseUrl, forgetAfter);
  let over = false;
  let timer: Timer | undefined;
  let written = false;
  let failures = 0;
  const round = async (): Promise<void> => {
    try {
      // What an earlier life of ours wrote names its pulse, not ours.
      if (!written || !(await isThere(connection, serviceId)))
        await connection.direct("PUT", "/agent/service/register", { query: { "replace-existing-checks": "true" }, body: registration });
      if (failures > SILENT_TRIES) report("info", "the server is in Consul's catalog again");
      written = true;
      failures = 0;
    } catch (thrown) {
      // While the other servers are waited for there is nothing to tell that the log does not tell already.
      if (failures < SILENT_TRIES - 1 || (await hasLeader(connection))) failures += 1;
      if (failures === SILENT_TRIES && !over) report("warn", `the server cannot be put into Consul's catalog: ${messageOf(thrown)}`);
    }
    if (!over) timer = clock.after(failures === 0 ? LOOK_MS : AGAIN_MS, () => void (latest = round()));
  };
  let latest = round();
  const close = (): void => {
    over = true;
    timer?.cancel();
  };
  return {
    close,
    async remove() {
      close();
      // It may be on its way in just now.
      await latest;
      await connection.direct("PUT", `/agent/service/deregister/${encodeURIComponent(serviceId)}`);
    },
  };
}

/** Without one Consul answers this in many words, that of a cluster that has just begun in none that help: "ACL not found". */
async function hasLeader(connection: ConsulConnection): Promise<boolean> {
  const leader = await connection.direct<string>("GET", "/status/leader").catch(() => undefined);
  return leader !== "";
}

function registrationOf(self: ServerSelf, serviceId: string, pulseUrl: string, forgetAfter: string | undefined): Record<string, unknown> {
  const colon = self.rpcAddress.lastIndexOf(":");
  return {
    ID: serviceId,
    Name: SERVER_SERVICE,
    Address: self.rpcAddress.slice(0, colon).replaceAll(/[[\]]/g, ""),
    Port: Number(self.rpcAddress.slice(colon + 1)),
    Meta: metaOf(self),
    Check: {
      // Of this life: the last one's stays critical in the catalog for up to half a minute after it was answered again (log/session.ts).
      CheckID: `${serviceId}-pulse-${randomUUID()}`,
      Name: "Drover's main loop answers",
      HTTP: pulseUrl,
      Interval: "500ms",
      Timeout: "1s",
      Status: "passing",
      ...(forgetAfter !== undefined && { DeregisterCriticalServiceAfter: forgetAfter }),
    },
  };
}

async function isThere(connection: ConsulConnection, serviceId: string): Promise<boolean> {
  try {
    await connection.direct("GET", `/agent/service/${encodeURIComponent(serviceId)}`);
    return true;
  } catch (thrown) {
    if ((thrown as { status?: number }).status === 404) return false;
    throw thrown;
  }
}
