/** Wrapping keys that live as long as the process: for tests, and clusters whose state does not outlive it either. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { KeyEncryption } from "#ports";
import { NamedError } from "#std";

export interface MemoryKeyEncryption extends KeyEncryption {
  /** A disk that is full, until set back. */
  fail: Error | undefined;
  /** Ids of the keys it could open. */
  readonly ids: readonly string[];
}

export function memoryKeyEncryption(): MemoryKeyEncryption {
  const wrapping = new Map<string, Buffer>();
  return {
    fail: undefined,
    get ids() {
      return [...wrapping.keys()];
    },
    async seal(keyId, plain) {
      if (this.fail !== undefined) throw this.fail;
      const key = randomBytes(32);
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(keyId));
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      wrapping.set(keyId, key);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
    },
    async open(keyId, sealed) {
      const key = wrapping.get(keyId);
      if (key === undefined)
        throw new NamedError("KEY_MISSING", `Cannot open root key "${keyId}": it is not in memory`, { fix: "Rotate." });
      const bytes = Buffer.from(sealed, "base64");
      try {
        const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12), { authTagLength: 16 }).setAAD(Buffer.from(keyId));
        decipher.setAuthTag(bytes.subarray(12, 28));
        return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
      } catch {
        throw new NamedError("KEY_DAMAGED", `Cannot open root key "${keyId}": its wrapping key does not open it`);
      }
    },
    async forget(keyId) {
      wrapping.delete(keyId);
    },
    async wrapping(keyId) {
      return wrapping.get(keyId) ?? null;
    },
    async adopt(keyId, bytes) {
      if (this.fail !== undefined) throw this.fail;
      if (bytes.length !== 32)
        throw new NamedError("KEY_DAMAGED", `Cannot keep wrapping key of root key "${keyId}": it has ${bytes.length} bytes`);
      if (!wrapping.has(keyId)) wrapping.set(keyId, Buffer.from(bytes));
    },
  };
}
