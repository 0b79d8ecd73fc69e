/**
 * What somebody may do, once it is known who they are. A Grant is plain data: it travels between a server and the agents of nodes, and is
 * read by the pure questions of mod.ts (`mayInNamespace(grant, "default", "submit-job")`, …).
 */
import type { JobId, Namespace } from "#model";

export type Level = "deny" | "read" | "list" | "scale" | "write";

/** Of one policy text, or of several together: deny wins where two say something of the same name. */
export interface Rules {
  /** Glob of namespace names → capabilities ("read-job", …), and of variables' paths in it → "read" | "write" | "list" | "destroy" | "deny". */
  readonly Namespaces: readonly {
    readonly Name: string;
    readonly Capabilities: readonly string[];
    readonly Variables: readonly { readonly Path: string; readonly Capabilities: readonly string[] }[];
  }[];
  readonly NodePools: readonly { readonly Name: string; readonly Capabilities: readonly string[] }[];
  readonly HostVolumes: readonly { readonly Name: string; readonly Capabilities: readonly string[] }[];
  readonly Node: Level | "";
  readonly Agent: Level | "";
  readonly Operator: Level | "";
  /** operator { capabilities = […] } */
  readonly OperatorCapabilities: readonly string[];
  readonly Quota: Level | "";
  readonly Plugin: Level | "";
}

/** A workload that speaks for itself: what it has without any policy. nomad.md §7 (Variables, implicit access). */
export interface WorkloadSubject {
  readonly Namespace: Namespace;
  readonly JobID: JobId;
  readonly TaskGroup: string;
  readonly Task: string;
  readonly AllocationID: string;
}

export interface Grant {
  /** For logs and refusals: an accessor id, "anonymous", "workload <allocation>", "node <id>". Never a secret. */
  readonly Subject: string;
  /** Everything. Also what everybody has where access control is off. */
  readonly Management: boolean;
  readonly Rules: Rules;
  readonly Workload: WorkloadSubject | null;
  /** The token itself (accessor id), where there is one: `token/self`, and who may not delete themselves. */
  readonly AccessorID: string;
  /** Unix milliseconds; null: it does not end by itself. */
  readonly ExpiresAtMs: number | null;
}

/** What a request asks for. The table of the API (../api/contract/capabilities.ts) is written in it, and so is the matrix of the tests. */
export type Need =
  /** Nobody has to be anybody. */
  | { readonly kind: "anyone" }
  /** A token that exists, whatever it may do. */
  | { readonly kind: "somebody" }
  /** One of the capabilities, in the namespace of the request. `listing`: with "*" the answer is filtered instead of refused. */
  | { readonly kind: "namespace"; readonly any: readonly string[]; readonly listing?: true }
  | { readonly kind: "node" | "agent" | "operator" | "quota" | "plugin"; readonly level: "read" | "write"; readonly capability?: string }
  | { readonly kind: "node-pool"; readonly any: readonly string[]; readonly listing?: true }
  | { readonly kind: "variable"; readonly any: readonly string[]; readonly listing?: true }
  | { readonly kind: "management" }
  /** The handler asks by itself: what is needed depends on the body or on what is found. `about` says what, for docs and tests. */
  | { readonly kind: "inside"; readonly about: string };
