/**
 * A snapshot on its way between servers, or into a file and back: chunks of the state with a head and a sum. Where the bytes are divided on the
 * way means nothing.
 *
 *   "drover-snapshot 1\n"  frame(head: JSON of SnapshotHead)  frame(chunk)…  frame()  sha256 of all before
 *   frame: length, 4 bytes; the bytes
 */
import { createHash } from "node:crypto";
import { NamedError } from "#std";

const MAGIC = Buffer.from("drover-snapshot 1\n");
const LENGTH_BYTES = 4;
const SUM_BYTES = 32;
/** Larger ones are damage, not data. */
const CHUNK_BYTES_MAX = 256 * 1024 * 1024;
/** What is handed on at once: messages between servers are bounded. */
const PIECE_BYTES = 64 * 1024;

export interface SnapshotHead {
  readonly clusterId: string;
  /** The log's. */
  readonly index: number;
}

export async function* framed(head: SnapshotHead, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const sum = createHash("sha256");
  const pieces = function* (bytes: Uint8Array): Generator<Uint8Array> {
    sum.update(bytes);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
  };
  yield* pieces(Buffer.concat([MAGIC, frame(Buffer.from(JSON.stringify(head)))]));
  for await (const chunk of chunks) yield* pieces(frame(chunk));
  yield* pieces(frame(new Uint8Array()));
  yield sum.digest();
}

function frame(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export interface UnframedSnapshot {
  readonly head: SnapshotHead;
  /** Ends only after the sum was right. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** NamedError STATE_SNAPSHOT_UNREADABLE (400), also later from `chunks`. */
export async function unframed(bytes: AsyncIterable<Uint8Array>): Promise<UnframedSnapshot> {
  const frames = framesOf(bytes);
  const first = await frames.next();
  if (first.done === true) throw unreadable("it is empty");
  return { head: headOf(first.value), chunks: frames };
}

async function* framesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const sum = createHash("sha256");
  const reader = new ByteReader(bytes);
  const take = async (count: number): Promise<Buffer> => {
    const taken = await reader.take(count);
    sum.update(taken);
    return taken;
  };
  if (!(await take(MAGIC.length)).equals(MAGIC)) throw unreadable("it is not a snapshot of this program");
  for (;;) {
    const length = (await take(LENGTH_BYTES)).readUInt32BE();
    if (length > CHUNK_BYTES_MAX) throw unreadable("a chunk's length makes no sense");
    if (length === 0) break;
    yield await take(length);
  }
  if (!(await reader.take(SUM_BYTES)).equals(sum.digest())) throw unreadable("its sum does not match");
}

function headOf(bytes: Uint8Array): SnapshotHead {
  try {
    const { clusterId, index } = JSON.parse(Buffer.from(bytes).toString()) as Partial<SnapshotHead>;
    if (typeof clusterId === "string" && typeof index === "number") return { clusterId, index };
  } catch {
    // Told below.
  }
  throw unreadable("its head says nothing");
}

class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array[] = [];
  #bytes = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Buffer> {
    while (this.#bytes < count) {
      const { value, done } = await this.#source.next();
      if (done === true) throw unreadable("it ends too early");
      this.#held.push(value);
      this.#bytes += value.length;
    }
    const all = this.#held.length === 1 ? Buffer.from(this.#held[0] as Uint8Array) : Buffer.concat(this.#held);
    this.#held = [all.subarray(count)];
    this.#bytes -= count;
    return all.subarray(0, count);
  }
}

function unreadable(why: string): NamedError {
  return new NamedError("STATE_SNAPSHOT_UNREADABLE", `Cannot read snapshot: ${why}`, { statusCode: 400 });
}
