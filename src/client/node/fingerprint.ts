/** What this node says of itself: the machine, its drivers, the operator's words. nomad.md §2.3. */
import type { DriverInfo, Node, NodeDevice, NodeResources } from "#model";
import type { Clock, Devices, Driver, Machine, MachineFingerprint, StoredIdentity, Surrounding } from "#ports";
import { messageOf } from "#std";
import type { ClientSettings } from "../settings.ts";

export interface FingerprintNeeds {
  readonly machine: Machine;
  readonly drivers: readonly Driver[];
  readonly devices: readonly Devices[];
  readonly settings: ClientSettings;
  readonly identity: StoredIdentity;
  readonly clock: Clock;
  /** What is beside the node: Consul. */
  readonly surrounding: () => Surrounding;
}

export async function fingerprint({ machine, drivers, devices, settings, identity, clock, surrounding }: FingerprintNeeds): Promise<Node> {
  const [measured, groups, ...infos] = await Promise.all([
    machine.fingerprint(),
    deviceGroups(devices),
    ...drivers.map((driver) => driverInfo(driver, clock)),
  ]);
  const described = Object.fromEntries(drivers.map((driver, index) => [driver.name, infos[index] as DriverInfo]));
  const node = describeNode(measured, described, settings, identity);
  const { attributes, links, networks = [] } = surrounding();
  return {
    ...node,
    Attributes: { ...attributes, ...node.Attributes },
    Links: { ...links, ...node.Links },
    NodeResources: {
      ...node.NodeResources,
      Networks: [...node.NodeResources.Networks, ...networks],
      Devices: [...node.NodeResources.Devices, ...groups],
    },
  };
}

async function deviceGroups(devices: readonly Devices[]): Promise<readonly NodeDevice[]> {
  return (await Promise.all(devices.map((each) => each.fingerprint()))).flat();
}

/** A driver that cannot say how it is, is not well. */
async function driverInfo(driver: Driver, clock: Clock): Promise<DriverInfo> {
  try {
    return await driver.fingerprint();
  } catch (thrown) {
    return {
      Attributes: {},
      Detected: false,
      Healthy: false,
      HealthDescription: messageOf(thrown),
      UpdateTime: new Date(clock.nowMs()).toISOString(),
    };
  }
}

/** What a `secret` block can name: groups that have one run only where this is set. nomad.md §1.12. */
const SECRET_PROVIDERS = { "plugins.secrets.nomad.version": "1.0.0", "plugins.secrets.vault.version": "1.0.0" };

/** Pure. */
export function describeNode(
  measured: MachineFingerprint,
  drivers: Readonly<Record<string, DriverInfo>>,
  settings: ClientSettings,
  identity: StoredIdentity,
): Node {
  const attributes: Record<string, string> = { ...measured.Attributes, ...SECRET_PROVIDERS };
  for (const [name, info] of Object.entries(drivers)) {
    if (!info.Detected) continue;
    attributes[`driver.${name}`] = "1";
    Object.assign(attributes, info.Attributes);
  }
  return {
    ID: identity.ID,
    SecretID: identity.SecretID,
    Datacenter: settings.datacenter,
    Name: settings.name,
    NodePool: settings.nodePool,
    NodeClass: settings.nodeClass,
    HTTPAddr: settings.httpAddress,
    TLSEnabled: settings.tlsEnabled,
    Attributes: { ...attributes, ...settings.attributes },
    NodeResources: resources(measured.NodeResources, settings),
    ReservedResources: {
      Cpu: { CpuShares: settings.reserved.cpuMHz },
      Memory: { MemoryMB: settings.reserved.memoryMB },
      Disk: { DiskMB: settings.reserved.diskMB },
      Networks: { ReservedHostPorts: settings.reserved.ports },
    },
    Links: {},
    Meta: settings.meta,
    CgroupParent: measured.CgroupParent,
    Drivers: drivers,
    HostVolumes: {},
    HostNetworks: settings.hostNetworks,
    DrainStrategy: null,
    SchedulingEligibility: "eligible",
    Status: "ready",
    StatusDescription: "",
    StatusUpdatedAt: 0,
    Events: [],
    LastDrain: null,
    ComputedClass: "",
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

function resources(measured: NodeResources, { totals, dynamicPorts }: ClientSettings): NodeResources {
  return {
    ...measured,
    Cpu: { ...measured.Cpu, CpuShares: totals.cpuMHz || measured.Cpu.CpuShares },
    Memory: { MemoryMB: totals.memoryMB || measured.Memory.MemoryMB },
    Disk: { DiskMB: totals.diskMB || measured.Disk.DiskMB },
    MinDynamicPort: dynamicPorts.min,
    MaxDynamicPort: dynamicPorts.max,
  };
}

/** What moves all the time is no news: free bytes, and a file system's size (some grow and shrink as they are used) within a tenth. */
export function worthTelling(told: Node, now: Node): boolean {
  const still = (node: Node) => {
    const { "unique.storage.bytesfree": _free, "unique.storage.bytestotal": _total, ...attributes } = node.Attributes;
    const drivers = Object.entries(node.Drivers).map(([name, info]) => [name, { ...info, UpdateTime: "" }]);
    return JSON.stringify({ ...node, Attributes: attributes, Drivers: drivers, NodeResources: { ...node.NodeResources, Disk: 0 } });
  };
  if (still(told) !== still(now)) return true;
  const [before, after] = [told.NodeResources.Disk.DiskMB, now.NodeResources.Disk.DiskMB];
  return Math.abs(after - before) > before / 10;
}
