/**
 * A thing of another system that a template (or a `secret` block) looks at: a key, a service, a secret, a variable, a file. One noun for all of
 * them, so that one table can watch them all. Pure.
 */
export type ThingSystem = "consul" | "vault" | "nomad" | "file";

/**
 * What there is to look at, by system, and the shape of what is known of it (plain JSON; field names are Go's of consul-template, because
 * templates say them):
 *
 *   consul  key            name: path                  string
 *           keys           name: prefix                [{ Path, Key, Value }]  Path: whole; Key: below the prefix. `ls`, `tree` and the safe forms share it
 *           services       name: ""                    [{ Name, Tags }]
 *           service        name, options tag, status, connect   [{ Node, NodeID, Kind, NodeAddress, NodeDatacenter, NodeTaggedAddresses, NodeMeta,
 *                                                       ServiceMeta, Address, ID, Name, Namespace, Partition, Peer, Port, Tags, Status, Checks, Weights, … }]
 *           nodes, node    name: "" or a name          [{ ID, Node, Address, Datacenter, TaggedAddresses, Meta }], { Node, Services }
 *           datacenters    name: ""                    [string]
 *           roots          name: ""                    [{ ID, Name, RootCertPEM, Active, … }]
 *           leaf           name: service               { SerialNumber, CertPEM, PrivateKeyPEM, Service, ServiceURI, ValidAfter, ValidBefore }   private
 *           peerings, partitions   name: ""            as Consul lists them
 *   vault   secret         name: path, options: data   { RequestID, LeaseID, LeaseDuration, Renewable, Data, Auth, WrapInfo }; private when leased or written
 *           secrets        name: path                  [string]
 *           certificate    name: path, options: data   { Cert, CA, CAChain, Key, Pem }   private (pkiCert)
 *   nomad   service        name, options count, hash   [{ ID, Name, Node, NodeID, Address, Port, Datacenter, Tags, JobID, AllocID }]
 *           services       name: ""                    [{ Name, Tags }]
 *           variable       name: path                  { Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime, Items: { key: text } }
 *           variables      name: prefix                [{ Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime }]
 *   file    file           name: path as written       string
 *
 * Numbers of Vault's secrets, whose spelling counts, are { "#number": "1.50" }.
 */
export interface Thing {
  readonly system: ThingSystem;
  readonly kind: string;
  /** Without leading slash; as its author wrote it otherwise. */
  readonly name: string;
  /** dc, ns, partition, near, region, tag, …; of a written secret its data. Never secrets. */
  readonly options: Readonly<Record<string, string>>;
}

/** One text for one thing. */
export function thingKey({ system, kind, name, options }: Thing): string {
  const sorted = Object.entries(options).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify([system, kind, name, ...sorted]);
}

/** As Nomad's events name it: "kv.block(app/name)", "vault.read(secret/data/app)". For people. */
export function thingLabel({ system, kind, name, options }: Thing): string {
  const where = ["dc", "region", "ns"].map((option) => options[option]).filter((value) => value !== undefined && value !== "");
  const whole = where.length === 0 ? name : `${name}@${where.join(".")}`;
  return `${LABELS[`${system}.${kind}`] ?? `${system}.${kind}`}(${whole})`;
}

const LABELS: Readonly<Record<string, string>> = {
  "consul.key": "kv.block",
  "consul.keys": "kv.list",
  "consul.service": "health.service",
  "consul.services": "catalog.services",
  "consul.node": "catalog.node",
  "consul.nodes": "catalog.nodes",
  "consul.datacenters": "catalog.datacenters",
  "consul.roots": "connect.caroots",
  "consul.leaf": "connect.caleaf",
  "vault.secret": "vault.read",
  "vault.secrets": "vault.list",
  "vault.certificate": "vault.pki",
  "nomad.service": "nomad.service",
  "nomad.services": "nomad.services",
  "nomad.variable": "nomad.var.block",
  "nomad.variables": "nomad.var.list",
};
