/**
 * /v1/operator/snapshot: the whole state as an archive (#server, backups/archive.ts), and such an archive in the place of everything there is.
 * nomad.md §3.2.
 *
 * The Digest header goes ahead of the body, so the packed archive is made before the first byte is sent; it is held in memory, which a state of
 * a hundred thousand allocations packs into some ten megabytes.
 */
import { createHash } from "node:crypto";
import { snapshotArchive, stateOfArchive } from "#server";
import { NamedError } from "#std";
import { empty, type Call, type Handler } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { requireCluster } from "../require.ts";

/** Larger than any state that a server holds in memory. */
const ARCHIVE_BYTES_MAX = 1024 ** 3;

export const saveSnapshot: Handler = async (_call, context) => {
  const { bytes, index } = await snapshotArchive(requireCluster(context).state, context.clock.nowMs());
  return {
    kind: "bytes",
    bytes,
    contentType: "application/x-gzip",
    headers: { digest: `sha-256=${createHash("sha256").update(bytes).digest("base64")}` },
    meta: { index },
  };
};

/** Read whole and judged before anything changes; then everything is replaced, on every server. */
export const restoreSnapshot: Handler = async (call, context) => {
  const cluster = requireCluster(context);
  const state = await stateOfArchive(await archiveOf(call));
  const { Index } = await cluster.restore(only(state));
  return empty({ index: Index });
};

async function archiveOf(call: Call): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of call.upload()) {
      size += (part as Buffer).length;
      if (size > ARCHIVE_BYTES_MAX) break;
      parts.push(part as Buffer);
    }
  } catch {
    throw badRequest("Cannot read snapshot: the client has gone before its end");
  }
  if (size === 0) throw badRequest("Cannot read snapshot: the request has no body");
  if (size <= ARCHIVE_BYTES_MAX) return Buffer.concat(parts);
  throw new NamedError("API_BODY_TOO_LARGE", `Cannot read snapshot: it has more than ${ARCHIVE_BYTES_MAX} bytes`, { statusCode: 413 });
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
