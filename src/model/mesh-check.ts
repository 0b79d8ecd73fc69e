/** GET /v1/mesh/check: may one service call another, and if not, where does the call end? In the order a call travels. */

export interface MeshStep {
  /** "consul", "source", "source-proxy", "upstream", "intention", "destination", "destination-proxy", "certificates", "endpoints", "checks" */
  readonly Step: string;
  readonly Standing: "good" | "failed" | "unknown";
  /** One line, for people. */
  readonly Text: string;
  /** A command or a sentence; "" when all is good. */
  readonly Fix: string;
}

export interface MeshCheck {
  readonly Source: string;
  readonly Destination: string;
  readonly Namespace: string;
  /** "reachable": every step is good. "unreachable": one failed. "unknown": none failed, but not all could be seen. */
  readonly Verdict: "reachable" | "unreachable" | "unknown";
  readonly Steps: readonly MeshStep[];
}
