/** Where backups lie. Maker: `folderBackupStore` (integrations/host). */
export interface BackupStore {
  /** Names in no particular order; empty when nothing was ever written. */
  list(): Promise<readonly string[]>;
  /** Whole and synced before it resolves, or not there at all. `name` is a plain file name. Only who runs the server may read it: it holds secrets, sealed. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Unknown is fine. */
  remove(name: string): Promise<void>;
}
