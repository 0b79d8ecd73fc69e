/** What a check of the mesh knows: gathered by gather.ts, decided upon by check.ts. */
import type { Service } from "#model";
import type { MeshService, Permission, ProxyReport } from "#ports";

/** Something that could be found out, or why it could not. */
export type Known<Value> = { readonly known: true; readonly value: Value } | { readonly known: false; readonly problem: string };

export interface MeshFacts {
  readonly source: SideFacts;
  readonly destination: SideFacts;
  readonly intention: Known<Permission>;
  /** Who signs the mesh's certificates; that it is known also says that Consul answers. */
  readonly authority: Known<{ readonly provider: string; readonly trustDomain: string; readonly roots: number }>;
  readonly nowMs: number;
}

/** One of the two services. */
export interface SideFacts {
  readonly service: string;
  /** Where jobs offer it. */
  readonly definitions: readonly Definition[];
  /** Allocations that offer it and should run. At most ALLOCATIONS_ASKED_MAX of them were asked. */
  readonly allocations: readonly AllocationFacts[];
  /** In the mesh's own catalog; `value` undefined: nobody of that name. */
  readonly registered: Known<MeshService | undefined>;
  /** Of a destination that the source's upstream seeks somewhere else: only what is there counts. */
  readonly elsewhere?: Elsewhere;
}

/** One of the two is "". */
export interface Elsewhere {
  readonly datacenter: string;
  readonly peer: string;
}

export interface Definition {
  readonly jobId: string;
  readonly group: string;
  readonly stopped: boolean;
  readonly service: Service;
}

export interface AllocationFacts {
  readonly id: string;
  readonly clientStatus: string;
  /** Of its proxy for this service; `value` undefined: it has none. */
  readonly proxy: Known<ProxyReport | undefined>;
}
