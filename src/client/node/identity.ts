/** Who this node is: kept on disk from its first start, so that it comes back as itself. */
import type { NodeId } from "#model";
import type { ClientStore, Random, StoredIdentity } from "#ports";

/** `nodeId` of the settings wins over the stored one; the secret is never configured. */
export function nodeIdentity(store: ClientStore, random: Random, nodeId: string): StoredIdentity {
  const stored = store.identity();
  if (stored !== undefined && (nodeId === "" || nodeId === stored.ID)) return stored;
  const made: StoredIdentity = { ID: (nodeId === "" ? random.uuid() : nodeId) as NodeId, SecretID: random.uuid() };
  store.saveIdentity(made);
  return made;
}
