/**
 * Facts of the node's memory that hold secrets: sealed (AES-256-GCM, bound to the fact's name) before they reach its file or write-ahead log. The
 * key lies beside, in a file of its own (integrations/host/sealing-key.ts), so that a copy of the memory alone gives nothing away.
 *
 * A fact written plain by an earlier version is read as it is, and sealed in the same moment. One that cannot be opened (the key was lost) is
 * passed over and forgotten: what it accounted for runs out by itself.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import assert from "node:assert";
import type { ClientStore } from "#ports";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** In front of what is sealed: how. */
const FORMAT = 1;

export type FactStore = Pick<ClientStore, "fact" | "facts" | "saveFact" | "removeFact">;

/** As the memory holds it. */
interface Sealed {
  readonly sealed: string;
}

export interface SealedFactsNeeds {
  readonly store: FactStore;
  /** 32 bytes: a secret. */
  readonly key: Uint8Array;
  /** Of facts that could not be opened: how many. */
  readonly lost?: (count: number) => void;
}

export class SealedFacts implements FactStore {
  readonly #needs: SealedFactsNeeds;

  constructor(needs: SealedFactsNeeds) {
    assert(needs.key.length === KEY_BYTES, "a sealing key has 32 bytes");
    this.#needs = needs;
  }

  fact(name: string): unknown {
    const stored = this.#needs.store.fact(name);
    return stored === undefined ? undefined : this.#open(new Map([[name, stored]])).get(name);
  }

  saveFact(name: string, value: unknown): void {
    const sealed: Sealed = { sealed: seal(this.#needs.key, name, JSON.stringify(value)) };
    this.#needs.store.saveFact(name, sealed);
  }

  facts(prefix: string): ReadonlyMap<string, unknown> {
    return this.#open(this.#needs.store.facts(prefix));
  }

  removeFact(name: string): void {
    this.#needs.store.removeFact(name);
  }

  #open(stored: ReadonlyMap<string, unknown>): ReadonlyMap<string, unknown> {
    const { key, store, lost } = this.#needs;
    const opened = new Map<string, unknown>();
    let closed = 0;
    for (const [name, value] of stored) {
      if (!isSealed(value)) {
        opened.set(name, value);
        this.saveFact(name, value);
        continue;
      }
      const text = open(key, name, value.sealed);
      if (text !== undefined) opened.set(name, JSON.parse(text));
      else {
        closed++;
        store.removeFact(name);
      }
    }
    if (closed > 0) lost?.(closed);
    return opened;
  }
}

function isSealed(value: unknown): value is Sealed {
  return typeof value === "object" && value !== null && Object.keys(value).length === 1 && typeof (value as Sealed).sealed === "string";
}

/** base64 of format, nonce, tag, text. */
function seal(key: Uint8Array, name: string, plain: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(name));
  const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.of(FORMAT), nonce, cipher.getAuthTag(), body]).toString("base64");
}

/** undefined: not with this key, or not under this name. */
function open(key: Uint8Array, name: string, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, "base64");
  const bodyAt = 1 + NONCE_BYTES + TAG_BYTES;
  if (bytes.length < bodyAt || bytes[0] !== FORMAT) return undefined;
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(1, 1 + NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(name))
      .setAuthTag(bytes.subarray(1 + NONCE_BYTES, bodyAt));
    return Buffer.concat([decipher.update(bytes.subarray(bodyAt)), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}
