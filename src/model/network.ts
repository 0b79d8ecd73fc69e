/** Ports and networks a group asks for, and gets. nomad.md §1.5. */
import Type, { type Static } from "typebox";
import { block, flag, labelled, maybeWhole, text, textMap, texts, whole } from "./field.ts";

/** A port asked for (Value 0: the scheduler picks one) or given (Value set). */
export const Port = Type.Object({
  Label: text(),
  Value: whole({ hcl: "static" }),
  To: whole({ hcl: "to" }),
  HostNetwork: text({ hcl: "host_network", default: "default" }),
  IgnoreCollision: flag({ hcl: "ignore_collision" }),
});
export type Port = Static<typeof Port>;

export const DnsConfig = Type.Object({
  Servers: texts({ hcl: "servers" }),
  Searches: texts({ hcl: "searches" }),
  Options: texts({ hcl: "options" }),
});
export type DnsConfig = Static<typeof DnsConfig>;

export const CniConfig = Type.Object({ Args: textMap({ hcl: "args" }) });

/** `port` blocks decode to DynamicPorts; admission moves those with a static number to ReservedPorts. */
export const Network = Type.Object({
  Mode: text({ hcl: "mode", change: "destroy" }),
  Device: text(),
  CIDR: text(),
  IP: text(),
  Hostname: text({ hcl: "hostname", change: "destroy" }),
  MBits: maybeWhole({ hcl: "mbits" }),
  DNS: block(DnsConfig, { hcl: "dns", change: "destroy" }),
  ReservedPorts: Type.Array(Port, { default: [], change: "destroy", label: "Label" }),
  DynamicPorts: labelled(Port, { hcl: "port", label: "Label", change: "destroy" }),
  CNI: block(CniConfig, { hcl: "cni", change: "destroy" }),
});
export type Network = Static<typeof Network>;
