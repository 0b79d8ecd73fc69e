/** Nodes and node pools. nomad.md §3.2–3.5. */
import type { Node, NodePool } from "#model";

/** GET /v1/nodes */
export interface NodeStub extends Pick<
  Node,
  | "ID"
  | "Datacenter"
  | "Name"
  | "NodeClass"
  | "NodePool"
  | "SchedulingEligibility"
  | "Status"
  | "StatusDescription"
  | "Drivers"
  | "HostVolumes"
  | "LastDrain"
  | "CreateIndex"
  | "ModifyIndex"
> {
  readonly Address: string;
  /** With ?os only. */
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly Version: string;
  readonly Drain: boolean;
  readonly NodeResources?: Node["NodeResources"];
  readonly ReservedResources?: Node["ReservedResources"];
}

/** GET /v1/node/:id: SecretID is always "". */
export interface NodeDetail extends Node {
  readonly Drain: boolean;
}

/** PUT /v1/node/:id/drain; DrainSpec null stops draining. */
export interface NodeDrainBody {
  readonly DrainSpec: {
    /** Nanoseconds; -1: force at once; 0: no deadline. */
    readonly Deadline: number;
    readonly IgnoreSystemJobs: boolean;
  } | null;
  readonly MarkEligible?: boolean;
  readonly Meta?: Readonly<Record<string, string>>;
}

/** PUT /v1/node/:id/{drain,evaluate,eligibility,purge} */
export interface NodeUpdateAnswer {
  readonly EvalIDs: readonly string[];
  readonly EvalCreateIndex: number;
  readonly NodeModifyIndex: number;
  readonly Index: number;
}

/** GET /v1/node/pools */
export interface NodePoolDetail extends NodePool {
  readonly NodeIdentityTTL: number;
}
