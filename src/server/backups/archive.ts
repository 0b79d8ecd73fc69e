/**
 * The whole state as an archive: GET /v1/operator/snapshot, and backups. nomad.md §3.2.
 *
 *   tar.gz ── meta.json       {ID, Index, Term, Version, Created}
 *          ├─ state.bin       the state's own format (State.save)
 *          └─ SHA256SUMS
 *
 * It is made in memory: a state of a hundred thousand allocations packs into some ten megabytes.
 */
import { createHash } from "node:crypto";
import { gzip } from "node:zlib";
import { promisify } from "node:util";
import type { State } from "#state";
import { tarOf } from "#std";

const compress = promisify(gzip);

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
  for await (const chunk of saving) chunks.push(chunk);
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
