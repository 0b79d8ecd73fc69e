/** What a node's description says of the Consul agent beside it. nomad.md §2.3. */
import type { FingerprintSource, Surrounding } from "#ports";
import type { ConsulConnection } from "./connection.ts";

/** The part of GET /v1/agent/self that is used. */
export interface ConsulSelf {
  readonly Config?: {
    readonly Datacenter?: string;
    readonly NodeName?: string;
    readonly Server?: boolean;
    readonly Version?: string;
    readonly Revision?: string;
  };
  readonly DebugConfig?: {
    readonly ConnectEnabled?: boolean;
    readonly DNSPort?: number;
    readonly GRPCPort?: number;
    readonly GRPCAddrs?: readonly string[];
  };
  readonly Meta?: Readonly<Record<string, string>>;
  readonly Stats?: { readonly license?: { readonly features?: string } };
  readonly xDS?: { readonly Port?: number; readonly Ports?: { readonly Plaintext?: number; readonly TLS?: number } };
}

export function consulFingerprint(connection: ConsulConnection): FingerprintSource {
  return {
    name: "consul",
    async look() {
      try {
        const self = await connection.ask<ConsulSelf>((consul, common) => consul.agent.self(common));
        // Something else may answer at its place.
        return self.Config?.Version === undefined ? undefined : describeConsul(self);
      } catch {
        return undefined;
      }
    },
  };
}

/** Pure. What Consul does not say is left out. */
export function describeConsul({ Config = {}, DebugConfig = {}, Meta = {}, Stats = {}, xDS = {} }: ConsulSelf): Surrounding {
  const enterprise = Config.Version?.includes("+ent") === true;
  const gRpcPort = [xDS.Ports?.TLS, xDS.Ports?.Plaintext, xDS.Port, DebugConfig.GRPCPort].find((port) => port !== undefined && port > 0);
  const found: Readonly<Record<string, string | undefined>> = {
    "consul.server": Config.Server === undefined ? undefined : String(Config.Server),
    "consul.version": Config.Version,
    "consul.sku": Config.Version === undefined ? undefined : enterprise ? "ent" : "oss",
    "consul.revision": Config.Revision,
    "consul.datacenter": Config.Datacenter,
    "consul.segment": Meta["consul-network-segment"],
    "consul.connect": DebugConfig.ConnectEnabled === undefined ? undefined : String(DebugConfig.ConnectEnabled),
    "consul.grpc": gRpcPort === undefined ? undefined : String(gRpcPort),
    "consul.dns.port": DebugConfig.DNSPort === undefined ? undefined : String(DebugConfig.DNSPort),
    "consul.ft.namespaces": String(enterprise && Stats.license?.features?.includes("Namespaces") === true),
    "unique.consul.name": Config.NodeName,
  };
  const attributes = Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ""),
  );
  const named = Config.Datacenter !== undefined && Config.NodeName !== undefined;
  return { attributes, links: named ? { consul: `${Config.Datacenter}.${Config.NodeName}` } : {} };
}
