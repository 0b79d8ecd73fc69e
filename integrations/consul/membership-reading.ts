/** Consul's answers → members (pure). */
import type { MemberStatus, ServerMember } from "#ports";
import type { ServerMeta, ServerSelf } from "./membership-self.ts";

/** Of GET /agent/members. */
export interface SerfMember {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Readonly<Record<string, string>>;
  /** 1 alive, 2 leaving, 3 left, 4 failed. */
  readonly Status: number;
}

/** Of GET /health/service/drover-server. */
export interface ServerEntry {
  readonly Node: { readonly Node: string; readonly Address: string };
  readonly Service: { readonly ID: string; readonly Meta: Partial<ServerMeta> | null };
  readonly Checks: readonly { readonly Status: string }[];
}

const STATUS: Readonly<Record<number, MemberStatus>> = { 1: "alive", 2: "leaving", 3: "left", 4: "failed" };

/**
 * What gossip says of the machines and the catalog of the processes on them. While no leader is known the catalog says nothing: where its RPC is, is
 * guessed then (the same port as ours), and a machine that is alive counts.
 */
export function membersOf(gossip: readonly SerfMember[], entries: readonly ServerEntry[], self: ServerSelf): ServerMember[] {
  const byNode = new Map(entries.map((entry) => [entry.Node.Node, entry]));
  const members = gossip
    .filter(({ Tags }) => Tags["role"] === "consul")
    .map((each): ServerMember => {
      if (each.Name === self.name)
        return { ...selfAsMember(self), Address: each.Addr, Port: each.Port, Status: STATUS[each.Status] ?? "alive" };
      const entry = byNode.get(each.Name);
      const meta = entry?.Service.Meta ?? {};
      const standing = STATUS[each.Status] ?? "failed";
      return {
        Name: `${each.Name}.${self.region}`,
        ServerId: meta.id ?? each.Tags["id"] ?? "",
        Address: each.Addr,
        Port: each.Port,
        RpcAddress: meta.rpc ?? hostPort(each.Addr, portOf(self.rpcAddress)),
        HttpAddress: meta.http ?? hostPort(each.Addr, portOf(self.httpAddress)),
        Status: standing === "alive" && entry !== undefined && isDown(entry) ? "failed" : standing,
        Datacenter: meta.dc ?? self.datacenter,
        Region: self.region,
        Version: meta.version ?? "",
        Voter: each.Tags["read_replica"] === undefined && each.Tags["nonvoter"] === undefined,
      };
    });
  return sorted(members);
}

/** Servers of this region in the catalog of a Consul that others keep. This one answers, so it is alive. */
export function membersInCatalog(entries: readonly ServerEntry[], self: ServerSelf): ServerMember[] {
  const others = entries.flatMap((entry): ServerMember[] => {
    const { id = "", name = "", region = "", rpc = "", http = "", dc = "", version = "", serf = "0" } = entry.Service.Meta ?? {};
    if (region !== self.region || id === "" || id === self.serverId) return [];
    return [
      {
        Name: `${name}.${region}`,
        ServerId: id,
        Address: hostOf(rpc),
        Port: Number(serf) || 0,
        RpcAddress: rpc,
        HttpAddress: http,
        Status: isDown(entry) ? "failed" : "alive",
        Datacenter: dc,
        Region: region,
        Version: version,
        Voter: false,
      },
    ];
  });
  return sorted([{ ...selfAsMember(self), Voter: false }, ...others]);
}

export function selfAsMember(self: ServerSelf): ServerMember {
  return {
    Name: `${self.name}.${self.region}`,
    ServerId: self.serverId,
    Address: hostOf(self.rpcAddress),
    Port: self.serfPort,
    RpcAddress: self.rpcAddress,
    HttpAddress: self.httpAddress,
    Status: "alive",
    Datacenter: self.datacenter,
    Region: self.region,
    Version: self.version,
    Voter: true,
  };
}

function isDown({ Checks }: ServerEntry): boolean {
  return Checks.some(({ Status }) => Status === "critical");
}

function sorted(members: readonly ServerMember[]): ServerMember[] {
  return members.toSorted((one, other) => (one.Name < other.Name ? -1 : one.Name > other.Name ? 1 : 0));
}

/** "10.0.0.1", 4648 → "10.0.0.1:4648"; IPv6 in brackets. */
export function hostPort(host: string, port: number | string): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export function portOf(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}

export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replaceAll(/[[\]]/g, "");
}
