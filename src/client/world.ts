/** What every part of the room is given. One value, made in start.ts, so that a part's needs are its first parameter. */
import type { Node } from "#model";
import type { ClientStore, Clock, Devices, Disk, Machine, Mesh, Networks, Proxies, Random, TaskLogs, TaskSockets, Tunnels } from "#ports";
import type { DriverRegistry } from "#driver";
import type { Renderer } from "#template";
import type { Board } from "./checks/board.ts";
import type { IdentityBook, Lookout, NetworkBook, ProxyBoard, Registrar, Servers, TokenBook } from "./contract.ts";
import type { ClientSettings } from "./settings.ts";
import type { FactStore } from "./sealed-facts.ts";
import type { KillPoint } from "./step.ts";

/** Something for the operator's log: what went on, in one line, and its fields. Never secrets. */
export type Report = (entry: {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}) => void;

export interface ClientWorld {
  readonly settings: ClientSettings;
  readonly drivers: DriverRegistry;
  readonly devices: readonly Devices[];
  readonly taskLogs: TaskLogs;
  readonly disk: Disk;
  readonly machine: Machine;
  readonly store: ClientStore;
  /** The part of it that is sealed. */
  readonly secrets: FactStore;
  readonly identities: IdentityBook;
  readonly consulTokens: TokenBook;
  readonly vaultTokens: TokenBook;
  readonly lookout: Lookout;
  /** Made when a task first needs it; undefined: this agent cannot render. */
  readonly renderer: () => Renderer | undefined;
  /** undefined: tasks get no socket to the agent's API. */
  readonly taskSockets: TaskSockets | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly killPoint: KillPoint;
  readonly report: Report;
  readonly servers: Servers;
  /** undefined: the machine's network is the only one. */
  readonly networks: Networks | undefined;
  /** The network of each allocation here that has one, as it was set up or found. */
  readonly networkBook: NetworkBook;
  readonly proxies: Proxies | undefined;
  readonly mesh: Mesh | undefined;
  readonly tunnels: Tunnels | undefined;
  readonly proxyBoard: ProxyBoard;
  readonly registrar: Registrar;
  readonly checks: Board;
  /** As it was last registered (or is about to be). */
  readonly node: () => Node;
}
