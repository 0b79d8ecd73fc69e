/** Making and opening keys. Both work beside the event loop: an RSA key takes some hundred milliseconds to find. */
import { createPrivateKey, createSecretKey, generateKeyPair, type KeyObject, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { RootKey } from "#model";
import type { KeyEncryption } from "#ports";
import { NamedError } from "#std";

const RSA_BITS = 2048;
/** In front of the private key: the secret that what seals variables is derived from. */
const VARIABLES_SECRET_BYTES = 32;
const generate = promisify(generateKeyPair);

/** A key as it signs, and what seals come from (../variables/seal.ts). */
export interface SigningKey {
  readonly id: string;
  readonly algorithm: RootKey["Algorithm"];
  /** A secret. */
  readonly key: KeyObject;
  /** A secret: nothing is sealed with it itself, each use has a key derived from it. */
  readonly sealSecret: KeyObject;
}

export interface MadeKey {
  readonly signing: SigningKey;
  readonly publicJwk: RootKey["PublicJwk"];
  readonly wrapped: string;
}

/** Resolves when what opens it is on disk: a key that is in the state can always be read by the server that made it. */
export async function makeKey(id: string, algorithm: RootKey["Algorithm"], encryption: KeyEncryption): Promise<MadeKey> {
  const pair = algorithm === "EdDSA" ? await generate("ed25519") : await generate("rsa", { modulusLength: RSA_BITS });
  const pkcs8 = pair.privateKey.export({ format: "der", type: "pkcs8" });
  const plain = Buffer.concat([randomBytes(VARIABLES_SECRET_BYTES), pkcs8]);
  const sealSecret = sealSecretOf(plain);
  const wrapped = await encryption.seal(id, plain);
  plain.fill(0);
  pkcs8.fill(0);
  const jwk = pair.publicKey.export({ format: "jwk" });
  const publicJwk = Object.fromEntries(Object.entries(jwk).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  return { signing: { id, algorithm, key: pair.privateKey, sealSecret }, publicJwk, wrapped };
}

/** Rejects with KEY_MISSING or KEY_DAMAGED. */
export async function openKey(key: RootKey, encryption: KeyEncryption): Promise<SigningKey> {
  const plain = Buffer.from(await encryption.open(key.KeyID, key.Wrapped));
  try {
    const pkcs8 = plain.subarray(VARIABLES_SECRET_BYTES);
    const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    return { id: key.KeyID, algorithm: key.Algorithm, key: privateKey, sealSecret: sealSecretOf(plain) };
  } catch (cause) {
    throw new NamedError("KEY_DAMAGED", `Cannot open root key "${key.KeyID}": what was sealed is not a private key`, { cause });
  } finally {
    plain.fill(0);
  }
}

/** A copy: what it is taken from is wiped. */
function sealSecretOf(plain: Buffer): KeyObject {
  return createSecretKey(plain.subarray(0, VARIABLES_SECRET_BYTES));
}
