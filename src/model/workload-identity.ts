/**
 * Who a workload is, signed by the servers as a JWT, and the keys they sign with. nomad.md §1.10 `identity`, §7 "Workload identity",
 * "Keyring". (`Identity`, template.ts, is the block of a job file that asks for one.)
 */
import type { AllocationId, JobId, Namespace } from "./ids.ts";

/** Which identity of which workload. Answered only to the node that runs the allocation. */
export interface IdentityRequest {
  readonly AllocationID: AllocationId;
  /** A task's name, or a service's as its block says it (of the group, or of `Task`). */
  readonly Workload:
    | { readonly Kind: "task"; readonly Task: string }
    | { readonly Kind: "service"; readonly Service: string; readonly Task: string };
  /** The identity block's name; "default" for the one every task has. */
  readonly Identity: string;
}

export type IdentityAnswer =
  | {
      readonly Request: IdentityRequest;
      /** A secret. */
      readonly JWT: string;
      /** Unix seconds; 0: it does not expire. */
      readonly ExpiresAt: number;
      /** Unix seconds. */
      readonly IssuedAt: number;
    }
  /** Refused for good: no such allocation, identity, or it has ended. */
  | { readonly Request: IdentityRequest; readonly Refused: string };

/** What stands in the JWT beside the registered names (aud, iss, sub, iat, nbf, exp, jti). */
export interface WorkloadClaims {
  readonly nomad_namespace: Namespace;
  /** The parent's for children of periodic and parameterized jobs. */
  readonly nomad_job_id: JobId;
  readonly nomad_allocation_id: AllocationId;
  readonly nomad_task?: string;
  readonly nomad_service?: string;
  readonly consul_namespace?: string;
  readonly vault_namespace?: string;
  readonly vault_role?: string;
  readonly extra_claims?: Readonly<Record<string, string>>;
}

/** A key of the keyring as the state holds it: without the wrapping key on a server's disk nothing can be read from it. */
export interface RootKey {
  readonly KeyID: string;
  /** What it signs with. */
  readonly Algorithm: "RS256" | "EdDSA";
  /** prepublished: in JWKS, signs from PublishTime. Exactly one is active. */
  readonly State: "active" | "inactive" | "prepublished" | "rekeying";
  /** Unix nanoseconds; PublishTime 0 unless prepublished. */
  readonly CreateTime: number;
  readonly PublishTime: number;
  /** JWK of the public half, without kid, alg and use. */
  readonly PublicJwk: Readonly<Record<string, string>>;
  /** Sealed by `KeyEncryption` (ports): 32 bytes for variables, then the private key as PKCS #8. base64. */
  readonly Wrapped: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** The audience of the identity every task has. */
export const DEFAULT_IDENTITY_AUDIENCE = "nomadproject.io";
export const DEFAULT_IDENTITY_NAME = "default";
