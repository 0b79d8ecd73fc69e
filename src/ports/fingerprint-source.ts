import type { NodeNetwork } from "#model";

/**
 * Something beside the machine and the drivers that the node's description names: Consul, Vault, its networks, its Envoy. Makers: `consulFingerprint`
 * (integrations/consul), …
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
  /** Of NodeResources.Networks, beside the machine's own. */
  readonly networks?: readonly NodeNetwork[];
}
