/**
 * A snapshot replaces everything, through the log: read whole first, so that one that cannot be used changes nothing; then in parts, so that no
 * entry is large and none takes long to apply; the last entry puts it in place, on every server at the same index.
 */
import type { Clock, Random } from "#ports";
import { type Command, type Outcome, restoreState } from "#state";
import { NamedError } from "#std";
import { unframed } from "./snapshot-stream.ts";

/** Fits into one append with room to spare. */
const PART_BYTES = 192 * 1024;

export interface RestoreOptions {
  readonly propose: (command: Command, requestId: string) => Promise<Outcome>;
  readonly clock: Clock;
  readonly random: Random;
}

export async function restoreThroughLog(bytes: AsyncIterable<Uint8Array>, options: RestoreOptions): Promise<{ readonly Index: number }> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await unframed(bytes)).chunks) chunks.push(chunk);
  await restoreState(each(chunks), options);
  const RestoreID = options.random.uuid();
  let Part = 0;
  for (const { Data, Ends } of partsOf(chunks)) {
    refuse(await options.propose({ type: "restore-part", RestoreID, Part, Data, Ends }, options.random.uuid()));
    Part++;
  }
  const outcome = await options.propose({ type: "restore-commit", RestoreID, Parts: Part }, options.random.uuid());
  refuse(outcome);
  return { Index: outcome.index };
}

function* partsOf(chunks: readonly Uint8Array[]): Generator<{ readonly Data: Uint8Array; readonly Ends: boolean }> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PART_BYTES)
      yield { Data: Uint8Array.from(chunk.subarray(at, at + PART_BYTES)), Ends: at + PART_BYTES >= chunk.length };
  }
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function refuse(outcome: Outcome): void {
  if (outcome.ok) return;
  throw new NamedError("RESTORE_REFUSED", `Cannot restore snapshot: ${outcome.reason}`, {
    statusCode: 409,
    fix: "Another restoration may have begun meanwhile: restore again.",
  });
}
