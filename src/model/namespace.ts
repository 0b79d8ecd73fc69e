/** Namespaces and node pools: where names are unique, and which nodes belong together. nomad.md §7. */

/** A namespace as a record; `Namespace` (ids.ts) is its name. */
export interface NamespaceRecord {
  readonly Name: string;
  readonly Description: string;
  readonly Meta: Readonly<Record<string, string>>;
  readonly Capabilities: {
    /** Empty: all that are not disabled. */
    readonly EnabledTaskDrivers: readonly string[];
    readonly DisabledTaskDrivers: readonly string[];
    readonly EnabledNetworkModes: readonly string[];
    readonly DisabledNetworkModes: readonly string[];
  } | null;
  readonly Quota: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

export interface NodePool {
  readonly Name: string;
  readonly Description: string;
  readonly Meta: Readonly<Record<string, string>>;
  /** null: as the scheduler configuration says. */
  readonly SchedulerConfiguration: {
    readonly SchedulerAlgorithm: "" | "binpack" | "spread";
    readonly MemoryOversubscriptionEnabled: boolean | null;
  } | null;
  /** Nanoseconds an identity of a node of it lasts; absent: NODE_IDENTITY_TTL_NS. */
  readonly NodeIdentityTTL?: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** nomad.md §7 "Node identity": a day. */
export const NODE_IDENTITY_TTL_NS = 24 * 3_600 * 1e9;

export const NODE_POOL_ALL = "all";
export const NODE_POOL_DEFAULT = "default";

/** Names of pools no one may change or delete. */
export const BUILT_IN_NODE_POOLS: readonly NodePool[] = [
  {
    Name: NODE_POOL_ALL,
    Description: "Node pool with all nodes in the cluster.",
    Meta: {},
    SchedulerConfiguration: null,
    CreateIndex: 1,
    ModifyIndex: 1,
  },
  {
    Name: NODE_POOL_DEFAULT,
    Description: "Default node pool.",
    Meta: {},
    SchedulerConfiguration: null,
    CreateIndex: 1,
    ModifyIndex: 1,
  },
];

export const DEFAULT_NAMESPACE_RECORD: NamespaceRecord = {
  Name: "default",
  Description: "Default shared namespace",
  Meta: {},
  Capabilities: null,
  Quota: "",
  CreateIndex: 1,
  ModifyIndex: 1,
};
