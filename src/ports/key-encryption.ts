/**
 * Seals the keyring's keys, so that the state (log, snapshots, backups) alone gives nothing away. Maker: `diskKeyEncryption`
 * (integrations/host): a key of its own per root key in `<data_dir>/server/keystore/<key id>.aead.nks.json`, mode 0600. nomad.md §7.
 *
 * Failures are NamedErrors: KEY_MISSING (the file for that key is not on this server: `fix` says where it should be), KEY_DAMAGED.
 */
export interface KeyEncryption {
  /** On disk before it resolves. */
  seal(keyId: string, plain: Uint8Array): Promise<string>;
  open(keyId: string, sealed: string): Promise<Uint8Array>;
  /** The key was removed; unknown is fine. */
  forget(keyId: string): Promise<void>;
  /** What opens that key, for another server of the cluster: a secret. null: not here. */
  wrapping(keyId: string): Promise<Uint8Array | null>;
  /** From another server: from now on `open` works here too. On disk before it resolves; nothing happens when it is there already. KEY_DAMAGED: that is none. */
  adopt(keyId: string, wrapping: Uint8Array): Promise<void>;
}
