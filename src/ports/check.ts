/** A check of a service as it is to be made known, and how it stands. nomad.md §1.6. */

export interface CheckInstance {
  /** `_nomad-check-<digest of allocation, service id and what the check says>`; of provider nomad the digest alone */
  readonly ID: string;
  readonly ServiceID: string;
  readonly Name: string;
  readonly Type: "http" | "tcp" | "grpc" | "script";
  readonly Address: string;
  readonly Port: number;
  /** http or https; of http checks. */
  readonly Protocol: string;
  readonly Path: string;
  readonly Method: string;
  readonly Header: Readonly<Record<string, readonly string[]>>;
  readonly Body: string;
  /** Of script checks: run inside `Task`. */
  readonly Command: string;
  readonly Args: readonly string[];
  /** The task a script runs in, and check_restart restarts; "": the group's (all tasks restart). */
  readonly Task: string;
  readonly IntervalNs: number;
  readonly TimeoutNs: number;
  /** "" as Consul's default, critical. */
  readonly InitialStatus: "" | "passing" | "warning" | "critical";
  readonly OnUpdate: "require_healthy" | "ignore_warnings" | "ignore";
  readonly SuccessBeforePassing: number;
  readonly FailuresBeforeCritical: number;
  readonly FailuresBeforeWarning: number;
  readonly TlsServerName: string;
  readonly TlsSkipVerify: boolean;
  readonly GrpcService: string;
  readonly GrpcUseTls: boolean;
  readonly Notes: string;
  /** null: failures restart nothing. */
  readonly Restart: { readonly Limit: number; readonly GraceNs: number; readonly IgnoreWarnings: boolean } | null;
}

export type CheckStatus = "passing" | "warning" | "critical";

export interface CheckStanding {
  readonly status: CheckStatus;
  readonly output: string;
}
