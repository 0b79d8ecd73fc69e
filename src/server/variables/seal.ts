/**
 * Items, sealed and opened: pure. AES-256-GCM with a key derived (HKDF-SHA-256) from the root key's secret; namespace, path and key are
 * authenticated with them, so that what is moved to another path, or said to be under another key, does not open. nomad.md §7.
 *
 *   base64 ( nonce 12 bytes | text | tag 16 bytes )
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { SealedVariable } from "#model";
import { NamedError } from "#std";
import type { SigningKey } from "../keyring/key-pair.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const USE = "drover variables v1";

/** A key that seals variables. Secret. */
export interface SealingKey {
  readonly id: string;
  readonly key: Uint8Array;
}

type Place = Pick<SealedVariable, "Namespace" | "Path">;
type Items = Readonly<Record<string, string>>;

export function sealingKeyOf({ id, sealSecret }: Pick<SigningKey, "id" | "sealSecret">): SealingKey {
  return { id, key: new Uint8Array(hkdfSync("sha256", sealSecret, "", USE, KEY_BYTES)) };
}

export function sealItems(key: SealingKey, place: Place, items: Items): Pick<SealedVariable, "KeyID" | "Data"> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key.key, nonce);
  cipher.setAAD(boundTo(place, key.id));
  const plain = Buffer.from(JSON.stringify(items), "utf8");
  const text = [cipher.update(plain), cipher.final()];
  plain.fill(0);
  return { KeyID: key.id, Data: Buffer.concat([nonce, ...text, cipher.getAuthTag()]).toString("base64") };
}

/** NamedError VARIABLE_UNREADABLE: sealed for another place, with another key, or damaged. */
export function openItems(key: SealingKey, sealed: Pick<SealedVariable, "Namespace" | "Path" | "KeyID" | "Data">): Items {
  const bytes = Buffer.from(sealed.Data, "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key.key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(boundTo(sealed, sealed.KeyID));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const parts = [decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)), decipher.final()];
    const plain = Buffer.concat(parts);
    const items = JSON.parse(plain.toString("utf8")) as Items;
    for (const part of [...parts, plain]) part.fill(0);
    return items;
  } catch {
    // Without the cause: a parser's message quotes what it read.
    throw new NamedError(
      "VARIABLE_UNREADABLE",
      `Cannot open variable "${sealed.Path}": what is stored was not sealed for this path with root key "${sealed.KeyID}"`,
      { statusCode: 500, fix: "Put it anew. What is stored was changed outside of Drover, or comes from another cluster." },
    );
  }
}

/** No name holds a NUL. */
function boundTo({ Namespace, Path }: Place, keyId: string): Buffer {
  return Buffer.from([Namespace, Path, keyId].join("\u0000"), "utf8");
}
