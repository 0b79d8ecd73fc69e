/** What templates look at in Consul. Each names a thing; what is known of it comes as consul-template's types. */
import type { Thing } from "#ports";
import { GoSlice, type GoStruct, type Value } from "../go/value.ts";
import { type Declared, fail, takes, takesMany } from "./declare.ts";
import type { Looking } from "./looking.ts";
import { parseQuery, type Parts, statusesOf } from "./query.ts";
import { flag, list, map, maybe, maybeTime, type Shape, struct, tags, text, textMap, texts, time, whole, whole64 } from "./shape.ts";

const INDEX = whole64("uint64");
const KEY_PAIR = struct(
  "dependency.KeyPair",
  { Path: text, Key: text, Value: text, CreateIndex: INDEX, ModifyIndex: INDEX, LockIndex: INDEX, Flags: INDEX, Session: text },
  { pointer: true },
);
const CHECK = struct(
  "api.HealthCheck",
  {
    Node: text,
    CheckID: text,
    Name: text,
    Status: text,
    Notes: text,
    Output: text,
    ServiceID: text,
    ServiceName: text,
    ServiceTags: texts,
    Type: text,
    Namespace: text,
    Partition: text,
    ExposedPort: whole,
    PeerName: text,
    CreateIndex: INDEX,
    ModifyIndex: INDEX,
  },
  { pointer: true, json: { Namespace: { omitEmpty: true }, Partition: { omitEmpty: true }, PeerName: { omitEmpty: true } } },
);
const HEALTH_SERVICE = struct(
  "dependency.HealthService",
  {
    Node: text,
    NodeID: text,
    NodeAddress: text,
    NodeTaggedAddresses: textMap,
    NodeMeta: textMap,
    ServiceMeta: textMap,
    Address: text,
    ServiceTaggedAddresses: map("map[string]api.ServiceAddress", struct("api.ServiceAddress", { Address: text, Port: whole })),
    ID: text,
    Name: text,
    Tags: tags,
    Checks: list("api.HealthChecks", CHECK),
    Status: text,
    Port: whole,
    Weights: struct("api.AgentWeights", { Passing: whole, Warning: whole }),
  },
  { pointer: true },
);
const NODE = struct(
  "dependency.Node",
  { ID: text, Node: text, Address: text, Datacenter: text, TaggedAddresses: textMap, Meta: textMap },
  { pointer: true },
);
const NODE_SERVICE = struct(
  "dependency.CatalogNodeService",
  { ID: text, Service: text, Tags: tags, Meta: textMap, Port: whole, Address: text, EnableTagOverride: flag },
  { pointer: true },
);
const CATALOG_NODE = struct(
  "dependency.CatalogNode",
  { Node: maybe(NODE), Services: list("[]*dependency.CatalogNodeService", NODE_SERVICE) },
  { pointer: true },
);
const ROOT = struct(
  "api.CARoot",
  {
    ID: text,
    Name: text,
    RootCertPEM: text,
    Active: flag,
    NotBefore: maybeTime,
    NotAfter: maybeTime,
    CreateIndex: INDEX,
    ModifyIndex: INDEX,
  },
  { pointer: true, json: { RootCertPEM: { name: "RootCert" }, NotBefore: { omitEmpty: true }, NotAfter: { omitEmpty: true } } },
);
const LEAF = struct(
  "api.LeafCert",
  {
    SerialNumber: text,
    CertPEM: text,
    PrivateKeyPEM: text,
    Service: text,
    ServiceURI: text,
    ValidAfter: time,
    ValidBefore: time,
    CreateIndex: INDEX,
    ModifyIndex: INDEX,
  },
  { pointer: true, json: { CertPEM: { omitEmpty: true }, PrivateKeyPEM: { omitEmpty: true } } },
);
const PEERING = struct(
  "dependency.Peering",
  {
    ID: text,
    Name: text,
    Partition: text,
    Meta: textMap,
    PeeringState: text,
    PeerID: text,
    PeerServerName: text,
    PeerServerAddresses: texts,
    StreamStatus: struct("dependency.PeeringStreamStatus", {
      ImportedServices: texts,
      ExportedServices: texts,
      LastHeartbeat: maybeTime,
      LastReceive: maybeTime,
      LastSend: maybeTime,
    }),
    Remote: struct("dependency.PeeringRemoteInfo", { Partition: text, Datacenter: text }),
  },
  { pointer: true },
);
const EXPORTED = struct("dependency.ExportedService", {
  Service: text,
  Partition: text,
  Namespace: text,
  Consumers: struct("dependency.ResolvedConsumers", { Peers: texts, Partitions: texts }),
});
const IMPORTED = struct("dependency.ImportedService", { Service: text, Namespace: text, SourcePartition: text });
const KEY_EXISTS = struct("dependency.KeyPair", { Path: text, Key: text, Value: text, Exists: flag }, { pointer: true });

export const KEY_PAIRS = list("[]*dependency.KeyPair", KEY_PAIR);
const SERVICES = list("[]*dependency.HealthService", HEALTH_SERVICE);
const SNIPPETS = list("[]*dependency.CatalogSnippet", struct("dependency.CatalogSnippet", { Name: text, Tags: tags }, { pointer: true }));
const NODES = list("[]*dependency.Node", NODE);
const ROOTS = list("[]*api.CARoot", ROOT);
const PEERINGS = list("[]*dependency.Peering", PEERING);
const PARTITIONS = list("[]*dependency.Partition", struct("dependency.Partition", { Name: text, Description: text }, { pointer: true }));
const EXPORTS = list("[]dependency.ExportedService", EXPORTED);
const IMPORTS = list("[]dependency.ImportedService", IMPORTED);

const consul = (kind: string, name: string, options: Parts = {}): Thing => ({ system: "consul", kind, name, options });

const keyThing = (path: string, what: string): Thing => {
  const { key = "", ...options } = parseQuery("key", path, what);
  return consul("key", key, options);
};

/** What is known of it, in its shape; not known yet: nothing of that shape. */
const look = (looking: Looking, thing: Thing, shape: Shape): Value => shape(looking.fact(thing)?.value);

function key([path]: readonly string[], looking: Looking): Value {
  if (path === undefined || path === "") return "";
  const thing = keyThing(path, "key");
  const fact = looking.fact(thing);
  if (fact !== undefined && fact.value === undefined) looking.waitFor(thing);
  return text(fact?.value);
}

function keyOrDefault([path = "", otherwise = ""]: readonly string[], looking: Looking): Value {
  const found = path === "" ? "" : text(looking.fact(keyThing(path, "keyOrDefault"))?.value);
  return found === "" ? otherwise : found;
}

function keyExists([path = ""]: readonly string[], looking: Looking): Value {
  if (path === "") return false;
  const fact = looking.fact(keyThing(path, "keyExists"));
  return fact !== undefined && fact.value !== undefined;
}

function keyExistsGet([path = ""]: readonly string[], looking: Looking): Value {
  if (path === "") return KEY_EXISTS({});
  const thing = keyThing(path, "keyExistsGet");
  const value = looking.fact(thing)?.value;
  return KEY_EXISTS(
    value === undefined ? { Path: thing.name, Key: thing.name } : { Path: thing.name, Key: thing.name, Value: value, Exists: true },
  );
}

/** `ls` leaves what lies deeper, `tree` does not; the safe forms do not take nothing for an answer. */
function keys(what: string, deep: boolean, emptyIsFine: boolean): Declared {
  return takes(["string"], ([prefix = ""]: readonly string[], looking) => {
    if (prefix === "") return KEY_PAIRS([]);
    const { key: name = "", ...options } = parseQuery("key", prefix, what);
    const thing = consul("keys", name, options);
    const all = look(looking, thing, KEY_PAIRS) as GoSlice;
    const left = all.items.filter((pair) => belongs((pair as GoStruct).fields.get("Key") as string, deep));
    if (left.length === 0 && !emptyIsFine) looking.waitFor(thing);
    return new GoSlice(all.typeName, left);
  });
}

const belongs = (path: string, deep: boolean): boolean =>
  deep ? path.slice(path.lastIndexOf("/") + 1) !== "" : path !== "" && !path.includes("/");

function service(what: string, connect: boolean): Declared {
  return takesMany(["string"], 0, (args: readonly string[], looking) => {
    if (args[0] === undefined || args[0] === "") return SERVICES([]);
    const { name = "", status, ...options } = parseQuery("service", args.join("|"), what);
    if (options["peer"] !== undefined && options["sameness-group"] !== undefined)
      fail(`${what}: peer and sameness-group cannot both be said`);
    const statuses = statusesOf(status, what);
    const all = { ...options, ...(statuses === "passing" ? {} : { status: statuses }), ...(connect ? { connect: "true" } : {}) };
    return look(looking, consul("service", name, all), SERVICES);
  });
}

/** A list that takes its "?ns=…@dc" as its only argument, or none. */
function catalog(what: string, kind: string, form: "services" | "nodes" | "peerings", shape: Shape): Declared {
  return takesMany(["string"], 0, (args: readonly string[], looking) =>
    look(looking, consul(kind, "", parseQuery(form, args.join(""), what)), shape),
  );
}

function node(args: readonly string[], looking: Looking): Value {
  const query = args.join("");
  const { name = "", ...options } = query === "" ? {} : parseQuery("node", query, "node");
  return look(looking, consul("node", name, options), maybe(CATALOG_NODE));
}

function datacenters([ignore]: readonly boolean[], looking: Looking): Value {
  return look(looking, consul("datacenters", "", ignore === true ? { ignore: "true" } : {}), texts);
}

function leaf([name]: readonly string[], looking: Looking): Value {
  return name === undefined || name === "" ? null : look(looking, consul("leaf", name), maybe(LEAF));
}

const inPartition = (partition: string | undefined): Parts => (partition === undefined || partition === "" ? {} : { partition });

export const CONSUL_FUNCTIONS: Readonly<Record<string, Declared>> = {
  key: takes(["string"], key),
  keyOrDefault: takes(["string", "string"], keyOrDefault),
  keyExists: takes(["string"], keyExists),
  keyExistsGet: takes(["string"], keyExistsGet),
  ls: keys("ls", false, true),
  safeLs: keys("safeLs", false, false),
  tree: keys("tree", true, true),
  safeTree: keys("safeTree", true, false),
  service: service("service", false),
  connect: service("connect", true),
  services: catalog("services", "services", "services", SNIPPETS),
  node: takesMany(["string"], 0, node),
  nodes: catalog("nodes", "nodes", "nodes", NODES),
  datacenters: takesMany(["bool"], 0, datacenters, 1),
  peerings: catalog("peerings", "peerings", "peerings", PEERINGS),
  partitions: takes([], (_, looking) => look(looking, consul("partitions", ""), PARTITIONS)),
  exportedServices: takesMany(
    ["string"],
    0,
    ([name]: readonly string[], looking) => look(looking, consul("exported", "", inPartition(name)), EXPORTS),
    1,
  ),
  importedServices: takes(["string"], ([name]: readonly string[], looking) => {
    if (name === "") fail("importedServices: the partition's name is missing");
    return look(looking, consul("imported", "", inPartition(name)), IMPORTS);
  }),
  caRoots: takesMany(["string"], 0, (_, looking) => look(looking, consul("roots", ""), ROOTS)),
  caLeaf: takesMany(["string"], 0, leaf),
};
