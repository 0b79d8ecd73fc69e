/**
 * What each kind of thing is in Consul: where it is asked for, what the answer means in the words of templates (ports/thing.ts), and which rule a
 * token needs for it. Pure. Field names are Go's of consul-template, because templates say them.
 */
import type { Thing } from "#ports";
import { textOf } from "#std";

export interface ThingKind {
  /** Below /v1; undefined: no such name can be asked for. */
  readonly path: (thing: Thing) => string | undefined;
  /** Beside dc, ns, partition, near, peer. */
  readonly query?: (thing: Thing) => Readonly<Record<string, string>>;
  /** Of what is there. */
  readonly value: (body: unknown, thing: Thing) => unknown;
  /** Of what is not there (404, null); lists are empty then. Absent: undefined. */
  readonly nothing?: readonly never[];
  /** HCL of the rule that lets a token read it. */
  readonly rule: (thing: Thing) => string;
  /** `Cannot read <this> from Consul` */
  readonly called: (thing: Thing) => string;
  /** Consul's own agent answers, from what it keeps: neither stale nor not. */
  readonly local?: true;
  /** Consul cannot wait for a change of it: looked at again after so long. */
  readonly everyMs?: number;
  readonly private?: true;
}

type Json = Record<string, unknown>;

const rows = (body: unknown): Json[] => (Array.isArray(body) ? (body as Json[]) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const decoded = (value: unknown): string => textOf(Buffer.from(text(value), "base64"));
const quoted = (name: string): string => JSON.stringify(name);
const by =
  (...fields: string[]) =>
  (a: Json, b: Json): number => {
    const field = fields.find((each) => a[each] !== b[each]);
    return field === undefined ? 0 : text(a[field]) < text(b[field]) ? -1 : 1;
  };

/** A path of its own parts only: "..", also encoded, would lead to another endpoint, with the token. */
function encoded(name: string): string | undefined {
  const parts = name.split("/");
  if (parts.some((part) => part === "." || part === "..") || name.includes("\0")) return undefined;
  return parts.map(encodeURIComponent).join("/");
}

function below(base: string, name: string): string | undefined {
  const rest = name === "" ? undefined : encoded(name);
  return rest === undefined ? undefined : `${base}/${rest}`;
}

/** One part, and so no slash in it. */
const named =
  (base: string) =>
  ({ name }: Thing): string | undefined =>
    name.includes("/") ? undefined : below(base, name);

export const KINDS: Readonly<Record<string, ThingKind>> = {
  key: {
    path: ({ name }) => below("/kv", name),
    value: (body) => decoded(rows(body)[0]?.["Value"]),
    rule: ({ name }) => (name.includes("/") ? prefixRule("key", folderOf(name)) : rule("key", name)),
    called: ({ name }) => `key ${quoted(name)}`,
  },
  keys: {
    path: ({ name }) => (name === "" ? "/kv/" : below("/kv", name)),
    query: () => ({ recurse: "true" }),
    value: (body, { name }) =>
      rows(body).map((each) => {
        const Path = text(each["Key"]);
        const Key = (Path.startsWith(name) ? Path.slice(name.length) : Path).replace(/^\/+/, "");
        const { CreateIndex, ModifyIndex, LockIndex, Flags, Session = "" } = each;
        return { Path, Key, Value: decoded(each["Value"]), CreateIndex, ModifyIndex, LockIndex, Flags, Session };
      }),
    nothing: [],
    rule: ({ name }) => prefixRule("key", name),
    called: ({ name }) => `the keys below ${quoted(name)}`,
  },
  services: {
    path: () => "/catalog/services",
    value: (body) =>
      Object.entries((body ?? {}) as Record<string, string[] | null>)
        .map(([Name, tags]) => ({ Name, Tags: (tags ?? []).toSorted() }))
        .sort(by("Name")),
    nothing: [],
    rule: () => prefixRule("service", ""),
    called: () => "the services",
  },
  service: {
    path: (thing) => named(isConnect(thing) ? "/health/connect" : "/health/service")(thing),
    query: (thing) => ({
      ...(thing.options["tag"] ? { tag: thing.options["tag"] } : {}),
      ...(statusesOf(thing).join() === "passing" ? { passing: "1" } : {}),
    }),
    value: serviceInstances,
    nothing: [],
    rule: ({ name }) => `${rule("service", name)} ${prefixRule("node", "")}`,
    called: ({ name }) => `service ${quoted(name)}`,
  },
  nodes: {
    path: () => "/catalog/nodes",
    value: (body) => rows(body).map(nodeOf).sort(by("Node", "ID")),
    nothing: [],
    rule: () => prefixRule("node", ""),
    called: () => "the nodes",
  },
  node: {
    path: named("/catalog/node"),
    value: (body) => {
      const { Node, Services } = (body ?? {}) as { Node?: Json | null; Services?: Record<string, Json> | null };
      if (!Node) return undefined;
      return {
        Node: nodeOf(Node),
        Services: Object.values(Services ?? {})
          .map(nodeServiceOf)
          .sort(by("Service", "ID")),
      };
    },
    rule: ({ name }) => `${rule("node", name)} ${prefixRule("service", "")}`,
    called: ({ name }) => (name === "" ? "this node" : `node ${quoted(name)}`),
  },
  datacenters: {
    path: () => "/catalog/datacenters",
    value: (body) => [...((body ?? []) as string[])].sort(),
    nothing: [],
    rule: () => prefixRule("node", ""),
    called: () => "the datacenters",
    everyMs: 15_000,
  },
  roots: {
    path: () => "/agent/connect/ca/roots",
    value: (body) =>
      rows((body as Json | null)?.["Roots"]).map((each) => ({ ...each, RootCertPEM: each["RootCert"] ?? each["RootCertPEM"] })),
    nothing: [],
    rule: () => prefixRule("service", ""),
    called: () => "the roots of the mesh's CA",
    local: true,
  },
  leaf: {
    path: named("/agent/connect/ca/leaf"),
    value: (body) => body,
    rule: ({ name }) => rule("service", name, "write"),
    called: ({ name }) => `the mesh certificate of service ${quoted(name)}`,
    local: true,
    private: true,
  },
  peerings: {
    path: () => "/peerings",
    value: (body) => rows(body).map(withoutToken).sort(by("Name")),
    nothing: [],
    rule: () => 'peering = "read"',
    called: () => "the peerings",
  },
  exported: {
    path: () => "/exported-services",
    value: (body) => rows(body).sort(by("Service", "Namespace")),
    nothing: [],
    rule: () => 'mesh = "read"',
    called: () => "the exported services",
    everyMs: 15_000,
  },
  imported: {
    path: () => "/imported-services",
    value: (body) => rows(body).sort(by("Service", "Namespace")),
    nothing: [],
    rule: () => 'mesh = "read"',
    called: () => "the imported services",
    everyMs: 15_000,
  },
  partitions: {
    path: () => "/partitions",
    value: (body) => rows(body).sort(by("Name")),
    nothing: [],
    rule: () => 'operator = "read"',
    called: () => "the admin partitions (Consul Enterprise has them)",
    everyMs: 15_000,
  },
};

const rule = (what: string, name: string, policy = "read"): string => `${what} ${quoted(name)} { policy = "${policy}" }`;
const prefixRule = (what: string, name: string): string => rule(`${what}_prefix`, name);
const folderOf = (name: string): string => name.slice(0, name.lastIndexOf("/") + 1);
const isConnect = ({ options }: Thing): boolean => options["connect"] === "true";

/** A template wants those who are well, if it says nothing. */
function statusesOf({ options }: Thing): readonly string[] {
  const said = (options["status"] ?? "")
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  return said.length === 0 ? ["passing"] : said.includes("any") ? ["any"] : said;
}

/** Nearest first if it was asked so; else in an order that stays, so that a file changes only when they do. */
function serviceInstances(body: unknown, thing: Thing): unknown {
  const wanted = statusesOf(thing);
  const instances = rows(body)
    .map(instanceOf)
    .filter((each) => wanted[0] === "any" || wanted.includes(each["Status"] as string));
  return thing.options["near"] ? instances : instances.sort(by("Node", "ID"));
}

function instanceOf(entry: Json): Json {
  const [node, service] = [entry["Node"] as Json, entry["Service"] as Json];
  const checks = rows(entry["Checks"]);
  return {
    Node: node["Node"],
    NodeID: node["ID"],
    Kind: text(service["Kind"]),
    NodeAddress: node["Address"],
    NodeDatacenter: node["Datacenter"],
    NodeTaggedAddresses: node["TaggedAddresses"] ?? {},
    NodeMeta: node["Meta"] ?? {},
    ServiceMeta: service["Meta"] ?? {},
    Address: text(service["Address"]) || node["Address"],
    ServiceTaggedAddresses: service["TaggedAddresses"] ?? {},
    ID: service["ID"],
    Name: service["Service"],
    Namespace: text(service["Namespace"]),
    Partition: text(service["Partition"]),
    Peer: text(service["PeerName"]),
    Port: service["Port"],
    Tags: ((service["Tags"] as string[] | null) ?? []).toSorted(),
    Status: worstOf(checks),
    Checks: checks,
    Weights: service["Weights"] ?? {},
  };
}

/** Of a service's checks and its node's; who is in maintenance is that first of all. */
function worstOf(checks: readonly Json[]): string {
  const isMaintenance = (id: string): boolean => id === "_node_maintenance" || id.startsWith("_service_maintenance:");
  if (checks.some((each) => isMaintenance(text(each["CheckID"])))) return "maintenance";
  return ["critical", "warning"].find((status) => checks.some((each) => each["Status"] === status)) ?? "passing";
}

function nodeOf(node: Json): Json {
  const { ID, Node, Address, Datacenter } = node;
  return { ID, Node, Address, Datacenter, TaggedAddresses: node["TaggedAddresses"] ?? {}, Meta: node["Meta"] ?? {} };
}

function nodeServiceOf(service: Json): Json {
  const { ID, Service, Port, Address, EnableTagOverride } = service;
  return {
    ID,
    Service,
    Tags: ((service["Tags"] as string[] | null) ?? []).toSorted(),
    Meta: service["Meta"] ?? {},
    Port,
    Address,
    EnableTagOverride,
  };
}

/** One that establishes a peering is no template's business. */
function withoutToken({ PeeringToken: _, ...peering }: Json): Json {
  return peering;
}
