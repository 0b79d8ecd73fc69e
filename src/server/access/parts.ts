/** What every part of access control is given. One value, so that an operation's needs are its first parameter. */
import type { Cluster } from "#cluster";
import type { WorkloadClaims } from "#model";
import type { Clock, Random, Web } from "#ports";
import type { Report } from "../context.ts";
import type { SigningKey } from "../keyring/key-pair.ts";

export interface AccessParts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  readonly policy: AccessPolicy;
  /** Whose identity a JWT is; undefined: nobody's, or that of one who has ended. */
  readonly verifyIdentity: (token: string) => Promise<WorkloadClaims | undefined>;
  /** Which node's identity a JWT is. */
  readonly verifyNode: (token: string) => Promise<string | undefined>;
  /** What of the keyring seals what logins carry from one server to the next. undefined: no keyring (tests): they end on this server. */
  readonly keys: AccessKeys | undefined;
  /** Providers of logins. */
  readonly web: Web;
  /** The index that whoever reaches this server's disk allows bootstrapping again at (file acl-bootstrap-reset); null: nobody does. */
  readonly resetIndex: () => Promise<number | null>;
}

export interface AccessKeys {
  signing(): Promise<SigningKey>;
  opened(id: string): Promise<SigningKey>;
}

/** acl { … }: nomad.md §5.2. */
export interface AccessPolicy {
  readonly tokenMinExpirationMs: number;
  readonly tokenMaxExpirationMs: number;
}
export const DEFAULT_ACCESS_POLICY: AccessPolicy = { tokenMinExpirationMs: 60_000, tokenMaxExpirationMs: 86_400_000 };
