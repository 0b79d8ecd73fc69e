/**
 * Another system beside the node that its description names: Consul, later Vault. Maker: `consulFingerprint` (integrations/consul).
 * nomad.md §2.3.
 */
export interface FingerprintSource {
  /** "consul"; for people. */
  readonly name: string;
  /** Never rejects. undefined: it cannot be reached now. */
  look(): Promise<Surrounding | undefined>;
}

export interface Surrounding {
  readonly attributes: Readonly<Record<string, string>>;
  readonly links: Readonly<Record<string, string>>;
}
