/**
 * GET /v1/operator/snapshot: the whole state as an archive. nomad.md §3.2.
 *
 *   tar.gz ── meta.json       {ID, Index, Term, Version, Created}
 *          ├─ state.bin       the state's own format (State.save)
 *          └─ SHA256SUMS
 *
 * The Digest header goes ahead of the body, so the packed archive is made before the first byte is sent; it is held in memory,
 * which a state of a hundred thousand allocations packs into some ten megabytes.
 */
import { createHash } from "node:crypto";
import { gzip } from "node:zlib";
import { promisify } from "node:util";
import { tarOf } from "#std";
import type { Handler } from "../call.ts";
import { requireCluster } from "../require.ts";

const compress = promisify(gzip);

export const saveSnapshot: Handler = async (_call, context) => {
  const { state } = requireCluster(context);
  const index = state.index;
  const chunks: Uint8Array[] = [];
  for await (const chunk of state.save()) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const createdMs = context.clock.nowMs();
  const meta = Buffer.from(
    JSON.stringify({ ID: `1-${index}-${createdMs}`, Index: index, Term: 1, Version: 1, Created: new Date(createdMs).toISOString() }),
  );
  const sums = [
    [meta, "meta.json"],
    [bytes, "state.bin"],
  ] as const;
  const sumsText = sums.map(([content, name]) => `${createHash("sha256").update(content).digest("hex")}  ${name}\n`).join("");
  const archive = await compress(
    tarOf(
      [
        { name: "meta.json", content: meta },
        { name: "state.bin", content: bytes },
        { name: "SHA256SUMS", content: Buffer.from(sumsText) },
      ],
      createdMs,
    ),
  );
  return {
    kind: "bytes",
    bytes: archive,
    contentType: "application/x-gzip",
    headers: { digest: `sha-256=${createHash("sha256").update(archive).digest("base64")}` },
    meta: { index },
  };
};
