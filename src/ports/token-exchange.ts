/**
 * A workload's JWT is traded for a token of another system, and the token given back. Makers: `consulTokens` (integrations/consul),
 * `vaultTokens` (integrations/vault). nomad.md §1.10, design decision 7.
 *
 * Contract (test/conformance/token-exchange):
 * - `exchange` makes one token. Its description names the workload, so that a person can tell what it is for.
 * - A system whose access control is off gives an empty SecretID, which is known and needs no giving back: nothing is sent with requests then.
 * - What else a login needs stands in the JWT's own claims: Vault's role (`vault_role`, else the maker's default) and namespace (`vault_namespace`).
 * - `revoke` of a token that is gone is fine; what was made with it (leases) goes with it where the system does so.
 * - Failures are NamedErrors: TOKEN_UNREACHABLE (try again), TOKEN_UNPREPARED (the system lacks the method, rule or role: `fix` names it; try
 *   again, an operator makes it), TOKEN_REFUSED (claims or keys do not fit: `fix` names them; final until somebody changes the configuration). No secret in any of them.
 */
export interface ExchangedToken {
  /** Not a secret: names it in lists. */
  readonly AccessorID: string;
  /** A secret. */
  readonly SecretID: string;
  /** Unix milliseconds; null: until it is revoked. */
  readonly expiresAtMs: number | null;
  /** `renew` makes it live longer; left out: it does not. */
  readonly renewable?: boolean;
}

export interface TokenExchange {
  /** For people: "Consul", "Vault". */
  readonly system?: string;
  exchange(request: {
    readonly jwt: string;
    /** The auth method; "": the maker's default for this kind of workload. */
    readonly kind: "service" | "task";
    /** nomad allocation id, workload: shown with the token. */
    readonly description: Readonly<Record<string, string>>;
  }): Promise<ExchangedToken>;
  /**
   * The same token lives on. Left out: tokens of this system cannot be renewed. Rejects with TOKEN_UNREACHABLE, or TOKEN_REFUSED when it cannot (any more):
   * then a new one is exchanged before the old one ends.
   */
  renew?(secret: string): Promise<{ readonly expiresAtMs: number | null; readonly renewable: boolean }>;
  revoke(secret: string): Promise<void>;
  /** Is it still known? Rejects only with TOKEN_UNREACHABLE. */
  known(secret: string): Promise<boolean>;
}
