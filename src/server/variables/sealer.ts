/** Seals with the keyring's active key, and opens with whichever key it was: what is derived from a key is derived once. */
import type { SealedVariable } from "#model";
import type { SigningKey } from "../keyring/key-pair.ts";
import type { Keyring } from "../keyring/keyring.ts";
import type { Items } from "./request.ts";
import { openItems, type SealingKey, sealingKeyOf } from "./seal.ts";

/** Opens and seals. Waits for the first key; rejects with KEY_MISSING, KEY_DAMAGED, VARIABLE_UNREADABLE, KEYRING_CLOSED. */
export interface Sealer {
  active(): Promise<SealingKey>;
  open(sealed: SealedVariable): Promise<Items>;
}

export function createSealer(keyring: Pick<Keyring, "signing" | "opened">): Sealer {
  const derived = new WeakMap<SigningKey, SealingKey>();
  const sealing = (key: SigningKey): SealingKey => {
    const known = derived.get(key) ?? sealingKeyOf(key);
    derived.set(key, known);
    return known;
  };
  return {
    active: async () => sealing(await keyring.signing()),
    open: async (sealed) => openItems(sealing(await keyring.opened(sealed.KeyID)), sealed),
  };
}
