/** Nodes and jobs as simulations and benchmarks want them. Jobs are API JSON, as a client would send them. */
import type { Node, NodeId } from "#model";
import type { Random } from "#ports";

/** A host network every node has beside its own address. */
export const SECOND_NETWORK = "second";
const CNI_PLUGINS = ["bridge", "firewall", "host-local", "loopback", "portmap"];

export interface NodeShape {
  readonly name: string;
  readonly cpuMHz?: number;
  readonly memoryMB?: number;
  readonly diskMB?: number;
  readonly datacenter?: string;
  readonly nodeClass?: string;
  readonly nodePool?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Beside mock_driver. */
  readonly drivers?: Node["Drivers"];
  /** How many instances of the device "acme/gpu/a1" it has. */
  readonly devices?: number;
}

export function nodeOf(random: Random, shape: NodeShape): Node {
  return {
    ID: random.uuid() as NodeId,
    SecretID: random.uuid(),
    Datacenter: shape.datacenter ?? "dc1",
    Name: shape.name,
    NodePool: shape.nodePool ?? "default",
    NodeClass: shape.nodeClass ?? "",
    HTTPAddr: "127.0.0.1:4646",
    TLSEnabled: false,
    Attributes: {
      "kernel.name": "linux",
      "cpu.arch": "amd64",
      "driver.mock_driver": "1",
      ...Object.fromEntries(CNI_PLUGINS.map((plugin) => [`plugins.cni.version.${plugin}`, "1.1.1"])),
      "unique.hostname": shape.name,
      ...shape.attributes,
    },
    NodeResources: {
      Cpu: { CpuShares: shape.cpuMHz ?? 4_000, TotalCpuCores: 4, ReservableCpuCores: [0, 1, 2, 3] },
      Memory: { MemoryMB: shape.memoryMB ?? 8_192 },
      Disk: { DiskMB: shape.diskMB ?? 100_000 },
      Networks: [
        { Mode: "host", Device: "eth0", CIDR: "10.0.0.1/32", IP: "10.0.0.1", MBits: 1_000 },
        { Mode: "bridge", Device: "nomad", CIDR: "", IP: "", MBits: 0 },
      ],
      Devices: devicesOf(shape),
      MinDynamicPort: 20_000,
      MaxDynamicPort: 32_000,
    },
    ReservedResources: { Cpu: { CpuShares: 0 }, Memory: { MemoryMB: 0 }, Disk: { DiskMB: 0 }, Networks: { ReservedHostPorts: "22" } },
    Links: {},
    Meta: {},
    CgroupParent: "",
    Drivers: {
      mock_driver: { Attributes: {}, Detected: true, Healthy: true, HealthDescription: "Healthy", UpdateTime: "2026-01-01T00:00:00Z" },
      ...shape.drivers,
    },
    HostVolumes: {},
    HostNetworks: {
      [SECOND_NETWORK]: { Name: SECOND_NETWORK, CIDR: "", Interface: "eth1", ReservedPorts: "23", Addresses: ["10.1.0.1"] },
    },
    DrainStrategy: null,
    SchedulingEligibility: "eligible",
    Status: "initializing",
    StatusDescription: "",
    StatusUpdatedAt: 0,
    Events: [],
    LastDrain: null,
    ComputedClass: "",
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

function devicesOf({ name, devices = 0 }: NodeShape): Node["NodeResources"]["Devices"] {
  if (devices === 0) return [];
  const instance = (index: number) => ({ ID: `${name}-gpu-${index}`, Healthy: true, HealthDescription: "", Locality: null });
  return [
    { Vendor: "acme", Type: "gpu", Name: "a1", Instances: Array.from({ length: devices }, (_, index) => instance(index)), Attributes: {} },
  ];
}

type ConstraintShape = { readonly LTarget: string; readonly RTarget: string; readonly Operand: string };

export interface JobShape {
  readonly id: string;
  readonly type?: "service" | "batch" | "system" | "sysbatch";
  readonly count: number;
  readonly cpu?: number;
  readonly memoryMB?: number;
  readonly diskMB?: number;
  readonly priority?: number;
  /** Changing it replaces what runs. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly staticPort?: number;
  readonly dynamicPorts?: number;
  /** Its ports are on the nodes' second address. */
  readonly secondNetwork?: boolean;
  /** Its allocations have networks of their own. */
  readonly bridge?: boolean;
  readonly constraints?: readonly ConstraintShape[];
  /** One more. */
  readonly alsoTrue?: ConstraintShape | undefined;
  /** What its tasks do; the default is to run well until told to stop. */
  readonly behaviour?: Behaviour;
  /** Durations in nanoseconds, as in the API. */
  readonly update?: Readonly<Record<string, unknown>>;
  readonly reschedule?: Readonly<Record<string, unknown>>;
  readonly disconnect?: Readonly<Record<string, unknown>>;
  readonly migrate?: Readonly<Record<string, unknown>>;
  readonly spread?: string;
  readonly cores?: number;
  readonly nodePool?: string;
  readonly namespace?: string;
  /** Instances of the device type "gpu". */
  readonly devices?: number;
  /** Its data stays with it. */
  readonly sticky?: boolean;
  /** Batch: ended when it has run so long. */
  readonly maxRunMs?: number;
  readonly cron?: string;
  readonly parameterized?: boolean;
}

/**
 * well       runs, and is healthy in time
 * unhealthy  runs, and never gets healthy
 * fails      fails a moment after it started
 * ends       completes after a moment (batch)
 */
export const BEHAVIOURS = ["well", "unhealthy", "fails", "ends"] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** How the simulated node reads it back. */
export function behaviourOf(job: {
  readonly TaskGroups: readonly { readonly Tasks: readonly { readonly Env: Readonly<Record<string, string>> }[] }[];
}): Behaviour {
  return (job.TaskGroups[0]?.Tasks[0]?.Env["BEHAVIOUR"] ?? "well") as Behaviour;
}

export function jobOf(shape: JobShape): Record<string, unknown> {
  const place = shape.secondNetwork === true ? { HostNetwork: SECOND_NETWORK } : {};
  const dynamic = Array.from({ length: shape.dynamicPorts ?? 0 }, (_, index) => ({ Label: `p${index}`, ...place }));
  const reserved = shape.staticPort === undefined ? [] : [{ Label: "static", Value: shape.staticPort, ...place }];
  const ported = dynamic.length + reserved.length > 0 || shape.bridge === true;
  const mode = shape.bridge === true ? { Mode: "bridge" } : {};
  return {
    ID: shape.id,
    Name: shape.id,
    Type: shape.type ?? "service",
    Priority: shape.priority ?? 50,
    Datacenters: ["*"],
    Constraints: [...(shape.constraints ?? []), ...(shape.alsoTrue === undefined ? [] : [shape.alsoTrue])],
    ...(shape.namespace === undefined ? {} : { Namespace: shape.namespace }),
    ...(shape.spread === undefined ? {} : { Spreads: [{ Attribute: shape.spread, Weight: 50 }] }),
    ...(shape.nodePool === undefined ? {} : { NodePool: shape.nodePool }),
    ...(shape.cron === undefined ? {} : { Periodic: { Enabled: true, Specs: [shape.cron], SpecType: "cron", ProhibitOverlap: true } }),
    ...(shape.parameterized === true ? { ParameterizedJob: { Payload: "optional", MetaOptional: ["who"] } } : {}),
    TaskGroups: [
      {
        Name: "group",
        Count: shape.count,
        ...(shape.update === undefined ? {} : { Update: shape.update }),
        ...(shape.reschedule === undefined ? {} : { ReschedulePolicy: shape.reschedule }),
        ...(shape.disconnect === undefined ? {} : { Disconnect: shape.disconnect }),
        ...(shape.migrate === undefined ? {} : { Migrate: shape.migrate }),
        RestartPolicy: { Attempts: 0, Mode: "fail", Interval: 30 * 60 * 1e9, Delay: 1e9 },
        EphemeralDisk: { SizeMB: shape.diskMB ?? 10, ...(shape.sticky === true ? { Sticky: true, Migrate: true } : {}) },
        ...(shape.maxRunMs === undefined ? {} : { MaxRunDuration: shape.maxRunMs * 1e6 }),
        Networks: ported ? [{ ...mode, DynamicPorts: dynamic, ReservedPorts: reserved }] : [],
        Tasks: [
          {
            Name: "task",
            Driver: "mock_driver",
            Config: { run_for: "1h" },
            LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
            Env: { ...shape.environment, ...(shape.behaviour === undefined ? {} : { BEHAVIOUR: shape.behaviour }) },
            Resources: {
              ...(shape.cores === undefined ? { CPU: shape.cpu ?? 100 } : { Cores: shape.cores }),
              MemoryMB: shape.memoryMB ?? 100,
              ...(shape.devices === undefined ? {} : { Devices: [{ Name: "gpu", Count: shape.devices }] }),
            },
          },
        ],
      },
    ],
  };
}
