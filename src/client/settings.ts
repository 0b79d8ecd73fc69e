import type { HostNetwork } from "#model";

/** What the operator decides about a node. nomad.md §5.3. The agent fills it from its configuration. */
export interface ClientSettings {
  /** "": kept on disk, made at first start. */
  readonly nodeId: string;
  readonly name: string;
  /** Shown to servers that do not know the node yet; "": none. A secret. */
  readonly introductionToken: string;
  readonly datacenter: string;
  readonly region: string;
  readonly nodePool: string;
  readonly nodeClass: string;
  readonly meta: Readonly<Record<string, string>>;
  /** What the agent knows and the machine does not: nomad.version, unique.advertise.address, … */
  readonly attributes: Readonly<Record<string, string>>;
  /** host:port of the agent's HTTP API. */
  readonly httpAddress: string;
  readonly tlsEnabled: boolean;
  /** `<data_dir>/alloc`; absolute. */
  readonly allocationDirectory: string;
  readonly reserved: {
    readonly cpuMHz: number;
    readonly memoryMB: number;
    readonly diskMB: number;
    /** "22,80,8500-8600" */
    readonly ports: string;
  };
  readonly dynamicPorts: { readonly min: number; readonly max: number };
  /** 0: as measured. */
  readonly totals: { readonly cpuMHz: number; readonly memoryMB: number; readonly diskMB: number };
  readonly maxKillTimeoutMs: number;
  readonly garbage: {
    readonly intervalMs: number;
    /** Percent of the disk, of the inodes, and the number of ended allocations above which the oldest go. */
    readonly diskUsagePercent: number;
    readonly inodeUsagePercent: number;
    readonly allocationsMax: number;
    readonly parallel: number;
  };
  /** Host path → path inside a chroot. */
  readonly chroot: Readonly<Record<string, string>>;
  /** Users a task of the checked drivers may not run as. */
  readonly deniedUsers: readonly string[];
  readonly userCheckedDrivers: readonly string[];
  /** client { host_network }: name → what of it is on this machine. */
  readonly hostNetworks: Readonly<Record<string, HostNetwork>>;
  /** The agent's environment, and the names in it that never reach a task. */
  readonly hostEnvironment: Readonly<Record<string, string | undefined>>;
  readonly hostVariablesDenied: readonly string[];
  /** How often machine and drivers are looked at again. */
  readonly fingerprintIntervalMs: number;
  /** How often what the networks of allocations stand on is looked at, and mended. */
  readonly networkIntervalMs: number;
  /** No command is run in a task for anybody who asks over the API. */
  readonly remoteExecDisabled: boolean;
  /** What the operator says of templates; times in milliseconds. */
  readonly template: {
    readonly functionsDenied: readonly string[];
    /** `source` and `file` may name any file of the machine. */
    readonly sandboxDisabled: boolean;
    /** Of templates that say nothing: a change waits so long for more, but no longer than max. */
    readonly wait: { readonly minMs: number; readonly maxMs: number };
    /** What a template may ask for; null: anything. */
    readonly waitBounds: { readonly minMs: number; readonly maxMs: number } | null;
  };
  /** Status updates within this time travel together. */
  readonly updateBatchMs: number;
}

/** Nomad's defaults; directory, name and environment are the caller's. */
export const CLIENT_DEFAULTS: Omit<ClientSettings, "name" | "allocationDirectory" | "hostEnvironment" | "hostVariablesDenied"> = {
  nodeId: "",
  datacenter: "dc1",
  region: "global",
  nodePool: "default",
  nodeClass: "",
  meta: {},
  attributes: {},
  httpAddress: "127.0.0.1:4646",
  tlsEnabled: false,
  reserved: { cpuMHz: 0, memoryMB: 0, diskMB: 0, ports: "" },
  dynamicPorts: { min: 20000, max: 32000 },
  totals: { cpuMHz: 0, memoryMB: 0, diskMB: 0 },
  introductionToken: "",
  maxKillTimeoutMs: 30_000,
  garbage: { intervalMs: 60_000, diskUsagePercent: 80, inodeUsagePercent: 70, allocationsMax: 50, parallel: 2 },
  chroot: Object.fromEntries(
    ["/bin", "/etc", "/lib", "/lib32", "/lib64", "/run/resolvconf", "/run/systemd/resolve", "/sbin", "/usr"].map((path) => [path, path]),
  ),
  hostNetworks: {},
  deniedUsers: ["root", "Administrator"],
  userCheckedDrivers: ["exec", "qemu", "java"],
  fingerprintIntervalMs: 30_000,
  networkIntervalMs: 60_000,
  remoteExecDisabled: false,
  // Nomad waits 5 s: one watch for each thing needs no such mercy with the systems behind it, and a burst of writes is over in a moment.
  template: {
    functionsDenied: ["executeTemplate", "plugin", "writeToFile"],
    sandboxDisabled: false,
    wait: { minMs: 250, maxMs: 240_000 },
    waitBounds: null,
  },
  updateBatchMs: 200,
};
