/**
 * The whole state as an archive: GET and PUT /v1/operator/snapshot, and backups. nomad.md §3.2.
 *
 *   tar.gz ── meta.json       {ID, Index, Term, Version, Created}
 *          ├─ state.bin       the state's own format, as Cluster.restore takes it
 *          └─ SHA256SUMS
 *
 * It is made in memory: a state of a hundred thousand allocations packs into some ten megabytes.
 */
import { createHash } from "node:crypto";
import { gunzip, gzip } from "node:zlib";
import { promisify } from "node:util";
import { framed } from "#cluster";
import type { State } from "#state";
import { messageOf, NamedError, readTar, tarOf } from "#std";

const compress = promisify(gzip);
const expand = promisify(gunzip);
/** What an archive may grow to: more is damage, or meant to hurt. */
const EXPANDED_BYTES_MAX = 4 * 1024 ** 3 - 1;

export interface SnapshotArchive {
  readonly bytes: Uint8Array;
  /** As of this entry. */
  readonly index: number;
}

export async function snapshotArchive(state: Pick<State, "index" | "save">, createdMs: number): Promise<SnapshotArchive> {
  // Both in one turn: what is saved is of this index.
  const index = state.index;
  const saving = state.save();
  const chunks: Uint8Array[] = [];
  for await (const chunk of framed({ clusterId: "", index }, saving)) chunks.push(chunk);
  const content = Buffer.concat(chunks);
  const meta = Buffer.from(
    JSON.stringify({ ID: `1-${index}-${createdMs}`, Index: index, Term: 1, Version: 1, Created: new Date(createdMs).toISOString() }),
  );
  const sums = [
    [meta, "meta.json"],
    [content, "state.bin"],
  ] as const;
  const sumsText = sums.map(([bytes, name]) => `${createHash("sha256").update(bytes).digest("hex")}  ${name}\n`).join("");
  const files = [
    { name: "meta.json", content: meta },
    { name: "state.bin", content },
    { name: "SHA256SUMS", content: Buffer.from(sumsText) },
  ];
  return { bytes: await compress(tarOf(files, createdMs)), index };
}

/** The state's bytes of an archive that is whole. NamedError SNAPSHOT_INVALID (400). */
export async function stateOfArchive(archive: Uint8Array): Promise<Buffer> {
  const files = await filesOf(archive);
  const content = (name: string): Buffer => {
    const found = files.get(name);
    if (found === undefined) throw invalid(`${name} is missing`);
    return found;
  };
  const sums = new Map(
    content("SHA256SUMS")
      .toString("utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/).toReversed() as [name: string, sum: string]),
  );
  for (const name of ["meta.json", "state.bin"]) {
    if (sums.get(name) !== createHash("sha256").update(content(name)).digest("hex")) throw invalid(`${name} is not what its checksum says`);
  }
  return content("state.bin");
}

async function filesOf(archive: Uint8Array): Promise<ReadonlyMap<string, Buffer>> {
  try {
    const entries = readTar(await expand(archive, { maxOutputLength: EXPANDED_BYTES_MAX }));
    return new Map(entries.map(({ name, content }) => [name, content]));
  } catch (error) {
    throw invalid(messageOf(error), error);
  }
}

function invalid(why: string, cause?: unknown): NamedError {
  return new NamedError("SNAPSHOT_INVALID", `Cannot read snapshot: ${why}`, {
    statusCode: 400,
    fix: 'Take a file that "drover operator snapshot inspect" reads.',
    cause,
  });
}
