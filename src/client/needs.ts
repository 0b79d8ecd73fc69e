/** What the node is given by whoever wires the agent, and what it gives. */
import type { Node, NodeId } from "#model";
import type {
  Catalog,
  ClientStore,
  Clock,
  Devices,
  Disk,
  Driver,
  FingerprintSource,
  Link,
  Machine,
  Mesh,
  Networks,
  NodeServices,
  Probe,
  Proxies,
  Random,
  ServicesChanged,
  TaskLogs,
  TaskSockets,
  ThingSource,
  TokenExchange,
  Tunnels,
} from "#ports";
import type { Renderer } from "#template";
import type { ClientSettings } from "./settings.ts";
import type { KillPoint } from "./step.ts";
import type { Report } from "./world.ts";

export interface ClientNeeds {
  readonly link: Link;
  readonly drivers: readonly Driver[];
  readonly devices?: readonly Devices[];
  /** Other systems the node's description names. */
  readonly fingerprintSources?: readonly FingerprintSource[];
  /** Workloads' identities are traded for Consul tokens here; left out: there are none. */
  readonly tokenExchange?: TokenExchange;
  /** And for Vault tokens. */
  readonly vaultTokenExchange?: TokenExchange;
  /** Reads what templates look at in Consul and Vault; the servers' variables and services, and files, are read in here. */
  readonly thingSources?: readonly ThingSource[];
  /** Renders templates; made once, when a task first needs it. Left out: tasks with templates fail, and say so. */
  readonly renderer?: () => Renderer;
  /** 32 bytes: seals tokens, credentials and what stands in for them in the node's memory. Left out (tests): they lie there as they are. */
  readonly sealingKey?: Uint8Array;
  /** Each task gets a socket to the agent's API; left out: none does. */
  readonly taskSockets?: TaskSockets;
  /** Where services are made known beside Drover's own registry, which is always there. */
  readonly catalogs?: readonly Catalog[];
  /** Looks at services for the checks the node runs itself; left out: those checks fail. */
  readonly probe?: Probe;
  /** Called with the whole registry of services first, then with every change, on each connection; left out: nobody here wants to know. */
  readonly servicesChanged?: (change: ServicesChanged) => void;
  /** Networks of allocations; left out: there are none but the machine's. */
  readonly networks?: Networks;
  /** The node's Envoys, what governs them, and how they reach it; each left out: tasks of the mesh fail, and say why. */
  readonly proxies?: Proxies;
  readonly mesh?: Mesh;
  readonly tunnels?: Tunnels;
  readonly taskLogs: TaskLogs;
  readonly disk: Disk;
  readonly machine: Machine;
  readonly store: ClientStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: ClientSettings;
  readonly report: Report;
  /** Tests die here; in production it is left out. */
  readonly killPoint?: KillPoint;
}

export interface Client {
  readonly nodeId: NodeId;
  /** As it was last described. */
  readonly node: () => Node;
  readonly services: NodeServices;
  /** Somebody told which servers there are: a node without a connection tries them at once. */
  serversChanged(): void;
  /** Counts for metrics and debugging. */
  statistics(): Readonly<Record<string, number>>;
  /**
   * stopTasks false: tasks run on, and are found again at the next start. true (dev agent): all tasks are stopped, their
   * remains removed, nothing is left. The store is closed either way.
   */
  close(how: { readonly stopTasks: boolean }): Promise<void>;
}
