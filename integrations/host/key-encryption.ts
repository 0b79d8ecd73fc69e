/**
 * A key of its own for each root key, on this server's disk: `<folder>/<key id>.aead.nks.json`, mode 0600. What is sealed (AES-256-GCM, bound
 * to the key's id) goes into the state; neither is worth anything without the other. nomad.md §7 "Keyring".
 *
 *   seal: written beside ─► synced ─► renamed ─► folder synced ─► resolves
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { KeyEncryption } from "#ports";
import { NamedError } from "#std";
import { storeWhole } from "./write-whole.ts";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** In front of what is sealed: how. */
const FORMAT = 1;
/** Ids are file names. */
const ID = /^[A-Za-z0-9-]{1,64}$/;

export function diskKeyEncryption({ folder }: { readonly folder: string }): KeyEncryption {
  const pathOf = (keyId: string): string => {
    if (!ID.test(keyId)) throw new NamedError("KEY_MISSING", `Cannot find wrapping key: ${JSON.stringify(keyId)} is not an id of a key`);
    return join(folder, `${keyId}.aead.nks.json`);
  };
  return {
    async seal(keyId, plain) {
      const wrapping = randomBytes(KEY_BYTES);
      await writeWrapping(folder, pathOf(keyId), keyId, wrapping);
      const sealed = sealWith(wrapping, keyId, plain);
      wrapping.fill(0);
      return sealed;
    },
    async open(keyId, sealed) {
      const wrapping = await readWrapping(pathOf(keyId), keyId);
      return openWith(wrapping, keyId, sealed);
    },
    async forget(keyId) {
      await rm(pathOf(keyId), { force: true });
    },
    wrapping: (keyId) =>
      readWrapping(pathOf(keyId), keyId).catch((thrown: unknown) => {
        if (thrown instanceof NamedError && thrown.code === "KEY_MISSING") return null;
        throw thrown;
      }),
    async adopt(keyId, wrapping) {
      if (wrapping.length !== KEY_BYTES) throw damaged(keyId, "what another server gave is no wrapping key");
      const path = pathOf(keyId);
      const there = await readWrapping(path, keyId).catch(() => null);
      if (there === null) await writeWrapping(folder, path, keyId, wrapping);
    },
  };
}

async function writeWrapping(folder: string, path: string, keyId: string, wrapping: Uint8Array): Promise<void> {
  const text = JSON.stringify({ KeyID: keyId, Provider: "aead", KeyEncryptionKey: Buffer.from(wrapping).toString("base64") });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await storeWhole(path, `${text}\n`, `${path}.writing`);
}

function sealWith(wrapping: Buffer, keyId: string, plain: Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, wrapping, nonce).setAAD(Buffer.from(keyId));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(FORMAT), nonce, cipher.getAuthTag(), body]).toString("base64");
}

function openWith(wrapping: Buffer, keyId: string, sealed: string): Uint8Array {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== FORMAT) throw damaged(keyId, "what is sealed is of an unknown format");
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
  const tag = bytes.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES);
  try {
    const decipher = createDecipheriv(CIPHER, wrapping, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(keyId)).setAuthTag(tag);
    return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  } catch {
    throw damaged(keyId, "its wrapping key does not open it");
  }
}

async function readWrapping(path: string, keyId: string): Promise<Buffer> {
  const text = await readFile(path, "utf8").catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== "ENOENT") throw thrown;
    throw new NamedError("KEY_MISSING", `Cannot open root key "${keyId}": its wrapping key is not on this server`, {
      fix: `Restore "${path}" from a backup of the server's keystore.`,
    });
  });
  let key: unknown;
  try {
    key = (JSON.parse(text) as { readonly KeyEncryptionKey?: unknown }).KeyEncryptionKey;
  } catch {
    // Said below.
  }
  const bytes = typeof key === "string" ? Buffer.from(key, "base64") : Buffer.alloc(0);
  if (bytes.length !== KEY_BYTES) throw damaged(keyId, `"${path}" holds no wrapping key`);
  return bytes;
}

function damaged(keyId: string, why: string): NamedError {
  return new NamedError("KEY_DAMAGED", `Cannot open root key "${keyId}": ${why}`, {
    fix: "Restore the server's keystore from a backup, or rotate: `drover operator root keyring rotate`.",
  });
}
