/**
 * A service made known in Drover's own registry (`provider = "nomad"`), as the servers keep it and /v1/services answers it.
 * nomad.md §2.8 "Nomad services", §3.3.
 */
import type { AllocationId, JobId, Namespace, NodeId } from "./ids.ts";

export interface ServiceRegistration {
  /** `_nomad-task-<allocation>-<task, or group-<group>>-<service>-<port label>` */
  readonly ID: string;
  readonly ServiceName: string;
  readonly Namespace: Namespace;
  readonly NodeID: NodeId;
  readonly Datacenter: string;
  readonly JobID: JobId;
  readonly AllocID: AllocationId;
  readonly Tags: readonly string[];
  readonly Address: string;
  readonly Port: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}
