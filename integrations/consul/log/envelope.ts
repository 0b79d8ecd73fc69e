/**
 * A batch as bytes: compressed when that pays, sealed with the cluster's key. Pure.
 *
 *   version 1 · flags · header length (2) · header, JSON, in the clear · nonce (12) · tag (16) · sealed: (length (4) · entry)*
 *
 * The header says where the batch belongs and is sealed in (additional data): a batch that was moved or copied from elsewhere opens nowhere.
 * A batch too large for one transaction lies in parts; then the header names them, and nonce and tag are followed by nothing.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from "node:zlib";
import type { SharedBatch } from "#ports";
import { NamedError } from "#std";

export interface BatchHeader {
  readonly ClusterId: string;
  readonly FirstIndex: number;
  readonly Count: number;
  readonly EpochId: string;
  readonly PreviousEpochId: string;
  /** The folder of parts and how many; absent: the sealed bytes follow. */
  readonly Parts?: { readonly Id: string; readonly Count: number };
}

export interface SealedBatch {
  readonly header: BatchHeader;
  /** What stands at the batch's key. */
  readonly value: Buffer;
  /** What does not fit there; empty in most cases. */
  readonly parts: readonly Buffer[];
}

const VERSION = 1;
const COMPRESSED = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Below it compressing costs more than it saves. */
const COMPRESS_FROM_BYTES = 512;
/** Above it a thread does it. */
const SYNC_MAX_BYTES = 64 * 1024;
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** `partsId` is used when the batch is larger than `valueBytesMax`. */
export async function sealBatch(
  key: Uint8Array,
  batch: SharedBatch & { readonly ClusterId: string },
  { valueBytesMax, partsId }: { readonly valueBytesMax: number; readonly partsId: string },
): Promise<SealedBatch> {
  const plain = framed(batch.Entries);
  const squeezed = plain.length < COMPRESS_FROM_BYTES ? plain : await squeeze(plain);
  const isSmaller = squeezed.length < plain.length;
  const content = isSmaller ? squeezed : plain;
  const base: BatchHeader = {
    ClusterId: batch.ClusterId,
    FirstIndex: batch.FirstIndex,
    Count: batch.Entries.length,
    EpochId: batch.EpochId,
    PreviousEpochId: batch.PreviousEpochId,
  };
  const isWhole = content.length + 1_024 <= valueBytesMax;
  const count = Math.ceil(content.length / valueBytesMax);
  const header = isWhole ? base : { ...base, Parts: { Id: partsId, Count: count } };
  const clear = clearOf(header, isSmaller);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(clear);
  const sealed = Buffer.concat([cipher.update(content), cipher.final()]);
  const start = [clear, nonce, cipher.getAuthTag()];
  if (isWhole) return { header, value: Buffer.concat([...start, sealed]), parts: [] };
  const parts = Array.from({ length: count }, (_, n) => sealed.subarray(n * valueBytesMax, (n + 1) * valueBytesMax));
  return { header, value: Buffer.concat(start), parts };
}

/** Throws NamedError SHARED_LOG_UNREADABLE. */
export function headerOf(value: Buffer): BatchHeader {
  return split(value).header;
}

/** `partsOf` is asked when the batch lies in parts. Rejects with SHARED_LOG_UNREADABLE: another key, damage, a newer format. */
export async function openBatch(
  key: Uint8Array,
  value: Buffer,
  partsOf: (parts: { readonly Id: string; readonly Count: number }) => Promise<readonly Buffer[]>,
): Promise<SharedBatch & { readonly ClusterId: string }> {
  const { header, clear, isCompressed, nonce, tag, rest } = split(value);
  const sealed = header.Parts === undefined ? rest : Buffer.concat(await partsOf(header.Parts));
  const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(clear).setAuthTag(tag);
  let content: Buffer;
  try {
    content = Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    throw unreadable(header.FirstIndex, "it was sealed with another key, or changed");
  }
  const { ClusterId, FirstIndex, EpochId, PreviousEpochId, Count } = header;
  const Entries = unframed(isCompressed ? await expand(content) : content);
  if (Entries.length !== Count) throw unreadable(FirstIndex, `it holds ${Entries.length} entries of ${Count}`);
  return { ClusterId, FirstIndex, EpochId, PreviousEpochId, Entries };
}

function clearOf(header: BatchHeader, isCompressed: boolean): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.from([VERSION, isCompressed ? COMPRESSED : 0, 0, 0]);
  start.writeUInt16BE(text.length, 2);
  return Buffer.concat([start, text]);
}

interface SplitValue {
  readonly header: BatchHeader;
  readonly clear: Buffer;
  readonly isCompressed: boolean;
  readonly nonce: Buffer;
  readonly tag: Buffer;
  readonly rest: Buffer;
}

function split(value: Buffer): SplitValue {
  if (value.length < 4 || value[0] !== VERSION)
    throw unreadable(undefined, `it has format ${value[0] ?? "none"}; this version reads ${VERSION}`);
  const at = 4 + value.readUInt16BE(2);
  const sealedAt = at + NONCE_BYTES + TAG_BYTES;
  if (value.length < sealedAt) throw unreadable(undefined, "it ends too early");
  let header: BatchHeader;
  try {
    header = JSON.parse(value.subarray(4, at).toString()) as BatchHeader;
  } catch {
    throw unreadable(undefined, "its header is none");
  }
  return {
    header,
    clear: value.subarray(0, at),
    isCompressed: ((value[1] ?? 0) & COMPRESSED) !== 0,
    nonce: value.subarray(at, at + NONCE_BYTES),
    tag: value.subarray(at + NONCE_BYTES, sealedAt),
    rest: value.subarray(sealedAt),
  };
}

/** Four bytes of length before each entry. */
function framed(entries: readonly Uint8Array[]): Buffer {
  const whole = Buffer.allocUnsafe(entries.reduce((sum, { length }) => sum + 4 + length, 0));
  let at = 0;
  for (const entry of entries) {
    at = whole.writeUInt32BE(entry.length, at);
    whole.set(entry, at);
    at += entry.length;
  }
  return whole;
}

function unframed(whole: Buffer): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < whole.length;) {
    const length = whole.readUInt32BE(at);
    at += 4;
    // A copy: an entry kept must not keep its whole batch.
    entries.push(new Uint8Array(whole.subarray(at, at + length)));
    at += length;
  }
  return entries;
}

function squeeze(plain: Buffer): Promise<Buffer> | Buffer {
  return plain.length <= SYNC_MAX_BYTES ? zstdCompressSync(plain, LEVEL) : compress(plain, LEVEL);
}

function expand(content: Buffer): Promise<Buffer> | Buffer {
  return content.length <= SYNC_MAX_BYTES ? zstdDecompressSync(content) : decompress(content);
}

function unreadable(index: number | undefined, why: string): NamedError {
  const which = index === undefined ? "a batch" : `the batch at ${index}`;
  return new NamedError("SHARED_LOG_UNREADABLE", `Cannot read ${which} of the shared log: ${why}`, {
    statusCode: 503,
    fix: "Start every server of the cluster with the same version and the same cluster key.",
  });
}
