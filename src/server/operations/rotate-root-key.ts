/** A new root key, because somebody says so. nomad.md §3.2 `/v1/operator/keyring/rotate`. */
import type { RootKey } from "#model";
import { badRequest } from "../errors.ts";
import type { KeyringKeeper } from "../keyring/keeper.ts";

export interface RotateOptions {
  /** What is sealed with older keys is sealed anew, in the background: variables. */
  readonly full: boolean;
  readonly publishAtNs: number | null;
  readonly algorithm?: RootKey["Algorithm"];
}

export async function rotateRootKey(
  keyring: Pick<KeyringKeeper, "rotate">,
  options: RotateOptions,
): Promise<{ readonly Key: RootKey; readonly Index: number }> {
  if (options.full && options.publishAtNs !== null) {
    throw badRequest("Cannot rotate root key: a key that is only prepublished cannot seal anything yet, use full or publish_time");
  }
  return keyring.rotate(options);
}
