/** What a task asks of a machine. CPU in MHz, memory in MB (2^20). nomad.md §1.9. */
import Type, { type Static } from "typebox";
import { block, blocks, labelled, maybeWhole, text, texts, whole } from "./field.ts";
import { Network } from "./network.ts";
import { affinities, constraints } from "./placement.ts";

export const DeviceRequest = Type.Object({
  Name: text(),
  Count: whole({ hcl: "count", default: 1 }),
  Constraints: constraints(),
  Affinities: affinities(),
});
export type DeviceRequest = Static<typeof DeviceRequest>;

export const Numa = Type.Object({
  Affinity: text({ hcl: "affinity", default: "none" }),
  Devices: texts({ hcl: "devices" }),
});

export const Resources = Type.Object({
  CPU: whole({ hcl: "cpu", default: 100, change: "destroy" }),
  Cores: whole({ hcl: "cores", change: "destroy" }),
  MemoryMB: whole({ hcl: "memory", default: 300, change: "destroy" }),
  MemoryMaxMB: whole({ hcl: "memory_max", change: "destroy" }),
  /** Deprecated in job files; the group's ephemeral_disk counts. */
  DiskMB: maybeWhole({ hcl: "disk" }),
  IOPS: maybeWhole({ hcl: "iops" }),
  /** Old job files ask for ports here; admission moves them to the group. */
  Networks: blocks(Network, { hcl: "network", change: "destroy" }),
  Devices: labelled(DeviceRequest, { hcl: "device", label: "Name", change: "destroy" }),
  NUMA: block(Numa, { hcl: "numa", change: "destroy" }),
  SecretsMB: whole({ hcl: "secrets", change: "destroy" }),
});
export type Resources = Static<typeof Resources>;
