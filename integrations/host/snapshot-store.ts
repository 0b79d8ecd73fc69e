/**
 * Snapshots of the state on disk: `<folder>/<index, 16 digits>.snapshot`. Written to a temporary file, synced, renamed, the folder synced:
 * a name that is there is a whole file. Chunks are framed by length and CRC-32, so that they come back as they went in or not at all.
 */
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { SnapshotStore } from "#ports";
import { NamedError } from "#std";

const NAME = /^(\d{16})\.snapshot$/;
const TEMPORARY = ".writing";
/** Length and checksum, four bytes each, before every chunk. */
const HEADER_BYTES = 8;
/** A length beyond this is damage, not a chunk. */
const CHUNK_BYTES_MAX = 512 * 1024 * 1024;

export function openSnapshotStore(folder: string): SnapshotStore {
  const pathOf = (index: number) => join(folder, `${String(index).padStart(16, "0")}.snapshot`);
  const list = async (): Promise<number[]> => {
    const names = await readdir(folder).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === "ENOENT") return [];
      throw thrown;
    });
    return names
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
  };
  return {
    list,
    async save(index, chunks, keep) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await removeUnfinished(folder);
      const temporary = `${pathOf(index)}${TEMPORARY}`;
      try {
        await writeChunks(temporary, chunks);
        await rename(temporary, pathOf(index));
      } catch (thrown) {
        await rm(temporary, { force: true });
        throw thrown;
      }
      await syncFolder(folder);
      for (const old of (await list()).slice(keep)) await rm(pathOf(old), { force: true });
    },
    open: (index) => readChunks(pathOf(index), index),
  };
}

/** What a crash left half written. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.endsWith(TEMPORARY)) await rm(join(folder, name), { force: true });
}

async function writeChunks(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    for await (const chunk of chunks) {
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32BE(chunk.length);
      header.writeUInt32BE(crc32(chunk), 4);
      await file.writev([header, chunk]);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* readChunks(path: string, index: number): AsyncGenerator<Uint8Array> {
  if ((await stat(path).catch(() => undefined)) === undefined) {
    throw new NamedError("SNAPSHOT_MISSING", `Cannot open snapshot ${index}: there is none`, { statusCode: 404 });
  }
  let rest: Buffer = Buffer.alloc(0);
  for await (const data of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    rest = rest.length === 0 ? (data as Buffer) : Buffer.concat([rest, data as Buffer]);
    for (;;) {
      if (rest.length < HEADER_BYTES) break;
      const length = rest.readUInt32BE(0);
      if (length > CHUNK_BYTES_MAX) throw damaged(index, "a chunk's length makes no sense");
      if (rest.length < HEADER_BYTES + length) break;
      const chunk = rest.subarray(HEADER_BYTES, HEADER_BYTES + length);
      if (crc32(chunk) !== rest.readUInt32BE(4)) throw damaged(index, "a chunk's checksum does not match");
      yield chunk;
      rest = rest.subarray(HEADER_BYTES + length);
    }
  }
  if (rest.length > 0) throw damaged(index, "it ends within a chunk");
}

function damaged(index: number, why: string): NamedError {
  return new NamedError("SNAPSHOT_DAMAGED", `Cannot read snapshot ${index}: ${why}`);
}
