/**
 * What `operator debug` asks of the Consul and the Vault beside the cluster. Of what they answer only what is named here is kept: what may hold a
 * secret (a check's output and headers, a proxy's settings, how an auth method is set) is not.
 */
import { consulConnection, type ConsulAddress } from "#integrations/consul";
import { vaultConnection, type VaultAddress } from "#integrations/vault";

/** By the name of its file, without the ending. A part that cannot be had rejects, alone. */
export type StackParts = Readonly<Record<string, () => Promise<unknown>>>;

export interface OpenedParts {
  readonly parts: StackParts;
  close(): void;
}

type Raw = Readonly<Record<string, unknown>>;

/** Services that a workload scheduler made known. */
const OURS = 'Meta["external-source"] == "nomad"';
const MEMBER = ["Name", "Addr", "Port", "Status", "Tags"];
const MEMBER_TAGS = ["role", "dc", "build", "id", "vsn", "raft_vsn"];
const SERVICE = ["ID", "Service", "Address", "Port", "Tags", "Meta", "Weights", "EnableTagOverride", "Datacenter"];
const CHECK = ["CheckID", "Name", "Status", "Type", "Interval", "Timeout", "ServiceID", "ServiceName"];

export function consulParts(address: ConsulAddress): OpenedParts {
  const connection = consulConnection(address);
  const get = <Answer>(path: string, query: Readonly<Record<string, string>> = {}): Promise<Answer> =>
    connection.direct<Answer>("GET", path, { query });
  return {
    close: () => connection.close(),
    parts: {
      leader: () => get("/status/leader"),
      peers: () => get("/status/peers"),
      members: async () =>
        (await get<Raw[]>("/agent/members")).map((member) => ({ ...only(member, MEMBER), Tags: only(member["Tags"] as Raw, MEMBER_TAGS) })),
      catalog: () => get("/catalog/services"),
      services: async () =>
        Object.values(await get<Record<string, Raw>>("/agent/services", { filter: OURS })).map((service) => only(service, SERVICE)),
      checks: async () => {
        const ours = new Set(Object.keys(await get<Record<string, Raw>>("/agent/services", { filter: OURS })));
        const checks = Object.values(await get<Record<string, Raw>>("/agent/checks"));
        return checks.filter((check) => ours.has(String(check["ServiceID"]))).map((check) => only(check, CHECK));
      },
    },
  };
}

/** `token`: undefined asks only what Vault tells everybody. */
export function vaultParts(address: VaultAddress, token: string | undefined): OpenedParts {
  const connection = vaultConnection(address);
  const read = async (path: string, how: { readonly token?: string; readonly namespace?: string }): Promise<Raw> =>
    connection.ask<Raw>((vault, options) => vault.read(path, options as never), how);
  const types = async (path: string): Promise<Raw> => {
    const answer = await read(path, token === undefined ? {} : { token });
    const mounts = Object.entries((answer["data"] ?? answer) as Record<string, Raw | null>);
    return Object.fromEntries(
      mounts.filter(([name]) => name.endsWith("/")).map(([name, mount]) => [name, only(mount ?? {}, ["type", "options"])]),
    );
  };
  const root = { namespace: "" };
  return {
    close: () => connection.close(),
    parts: {
      health: () => connection.ask((vault, requestOptions) => vault.health({ requestOptions } as never), root),
      "seal-status": () => read("sys/seal-status", root),
      leader: () => read("sys/leader", root),
      ...(token === undefined ? {} : { "auth-methods": () => types("sys/auth"), mounts: () => types("sys/mounts") }),
    },
  };
}

function only(from: Raw, names: readonly string[]): Raw {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
}
