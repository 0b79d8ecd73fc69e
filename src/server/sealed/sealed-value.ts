/**
 * A value of a sensitive job variable, as it stands in a job: pure. `${sealed.<root key>.<base64url of nonce 12 bytes | text | tag 16 bytes>}`.
 *
 * AES-256-GCM with a key derived (HKDF-SHA-256) from the root key's secret; namespace and job are authenticated with it, so that what is moved
 * into another job does not open. The nonce is made of the value (HMAC-SHA-256, with a key of its own): the same value in the same job
 * is sealed to the same text, and a plan of what has not changed shows nothing.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { NamedError } from "#std";
import type { SigningKey } from "../keyring/key-pair.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const NAME = /^sealed\.([0-9a-zA-Z-]+)\.([A-Za-z0-9_-]{38,})$/;

/** Secrets. */
export interface JobSealingKey {
  readonly id: string;
  readonly key: Uint8Array;
  readonly nonceKey: Uint8Array;
}
/** The job that a value is bound to: for children the job that they were made of. */
export interface Owner {
  readonly Namespace: string;
  readonly JobID: string;
}

export function jobSealingKeyOf({ id, sealSecret }: Pick<SigningKey, "id" | "sealSecret">): JobSealingKey {
  const derive = (use: string) => new Uint8Array(hkdfSync("sha256", sealSecret, "", use, KEY_BYTES));
  return { id, key: derive("drover sealed job values v1"), nonceKey: derive("drover sealed job values v1 nonce") };
}

/** What stands between the braces. */
export function sealValue(key: JobSealingKey, owner: Owner, value: string): string {
  const bound = boundTo(owner, key.id);
  const plain = Buffer.from(value, "utf8");
  const nonce = createHmac("sha256", key.nonceKey).update(bound).update("\u0000").update(plain).digest().subarray(0, NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key.key, nonce);
  cipher.setAAD(bound);
  const text = [cipher.update(plain), cipher.final()];
  plain.fill(0);
  return `sealed.${key.id}.${Buffer.concat([nonce, ...text, cipher.getAuthTag()]).toString("base64url")}`;
}

/** The root key's id; undefined: it is no sealed value. */
export function keyIdOf(name: string): string | undefined {
  return NAME.exec(name)?.[1];
}

/** NamedError SEALED_UNREADABLE: sealed for another job, with another key, or damaged. */
export function openValue(key: JobSealingKey, owner: Owner, name: string): string {
  const data = NAME.exec(name)?.[2] ?? "";
  const bytes = Buffer.from(data, "base64url");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key.key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(boundTo(owner, key.id));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const parts = [decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)), decipher.final()];
    const plain = Buffer.concat(parts);
    const value = plain.toString("utf8");
    for (const part of [...parts, plain]) part.fill(0);
    return value;
  } catch (cause) {
    throw new NamedError(
      "SEALED_UNREADABLE",
      `Cannot open a sensitive value of job "${owner.JobID}": it was not sealed for this job with root key "${key.id}"`,
      { cause, statusCode: 400, fix: "Run the job again from its job file, with the values of its variables." },
    );
  }
}

/** No name holds a NUL. */
function boundTo({ Namespace, JobID }: Owner, keyId: string): Buffer {
  return Buffer.from([Namespace, JobID, keyId].join("\u0000"), "utf8");
}
