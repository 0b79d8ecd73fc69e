/** What the steps of an allocation see. */
import type { Allocation, AllocationId, TaskEvent } from "#model";
import type { AllocationSockets } from "../mesh/sockets.ts";
import type { OwnNetwork } from "../network/own-network.ts";
import type { ClientWorld } from "../world.ts";

export interface AllocationContext {
  readonly world: ClientWorld;
  /** As the servers last told it. */
  readonly allocation: () => Allocation;
  /** `<alloc_dir>/<id>` */
  readonly directory: string;
  /** Resolves when the allocation with this id is over on this node, or was never here. */
  readonly over: (id: AllocationId) => Promise<void>;
  /** The servers want it stopped, or the agent goes: waiting is in vain. */
  readonly interrupted: () => boolean;
  /** Resolves when `interrupted` becomes true. */
  readonly interruption: Promise<void>;
  readonly network: OwnNetwork;
  /** Its ways to Consul. */
  readonly sockets: AllocationSockets;
  /** Something each task of it should say. */
  readonly tellTasks: (event: TaskEvent) => void;
}
