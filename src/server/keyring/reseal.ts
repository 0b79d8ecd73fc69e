/**
 * What a full rotation leaves to do: variables under a key that is "rekeying" are sealed with the active one, some at a time, then that key is
 * inactive.
 *
 *   a key is rekeying ──► some of its variables ──► opened, sealed, variables-reseal ──► … ──► none left ──► the key is inactive
 *
 * Nothing is kept but the state: killed anywhere, a server that starts finds the key still rekeying and what it still seals. A variable that
 * is written meanwhile is passed over: it is under the active key by that. What cannot be opened stays as it is, is reported, and looked at
 * again after RETRY_MS: nobody can read it, and its key is not removed.
 */
import type { RootKey, SealedVariable } from "#model";
import type { Timer } from "#ports";
import { createRounds, messageOf } from "#std";
import { commit, type ServerContext } from "../context.ts";
import type { Sealer } from "../variables/sealer.ts";
import { sealItems } from "../variables/seal.ts";

/** Sealed text of a batch: an entry of the log is below 1 MB. */
const BATCH_BYTES = 256 * 1024;
const BATCH_MAX = 128;
const RETRY_MS = 60_000;

export interface Resealer {
  close(): void;
}

export function createResealer(context: ServerContext, sealer: Sealer): Resealer {
  const { cluster, clock, report } = context;
  let timer: Timer | undefined;
  let closed = false;
  /** A key that becomes rekeying while another is looked at waits for its turn. */
  const rounds = createRounds(look);

  async function reseal(key: RootKey): Promise<void> {
    const unreadable = new Set<string>();
    let sealed = 0;
    for (;;) {
      const batch = nextBatch(cluster.state.snapshot().variablesSealedWith(key.KeyID), unreadable);
      if (batch.length === 0 || closed) break;
      const active = await sealer.active();
      const Variables = [];
      for (const variable of batch) {
        const items = await sealer.open(variable).catch((thrown: unknown) => {
          unreadable.add(keyOf(variable));
          report({ level: "error", message: "cannot seal a variable anew", fields: { ...placeOf(variable), error: messageOf(thrown) } });
          return undefined;
        });
        if (items === undefined) continue;
        const { Data } = sealItems(active, variable, items);
        Variables.push({ ...placeOf(variable), FromKeyID: variable.KeyID, ModifyIndex: variable.ModifyIndex, Data });
      }
      if (Variables.length > 0) await commit(context, { type: "variables-reseal", KeyID: active.id, Variables });
      sealed += Variables.length;
    }
    if (closed) return;
    const left = unreadable.size;
    report({ level: "info", message: "variables sealed anew", fields: { key: key.KeyID, sealed, left } });
    if (left > 0) return later();
    await commit(context, { type: "root-keys-upsert", Keys: [{ ...key, State: "inactive" }] });
  }

  async function look(): Promise<void> {
    if (closed) return;
    try {
      for (const key of rekeying()) if (!closed) await reseal(key);
    } catch (thrown) {
      if (closed) return;
      report({ level: "error", message: "cannot seal variables anew yet", fields: { error: messageOf(thrown) } });
      later();
    }
  }

  function rekeying(): readonly RootKey[] {
    return [...cluster.state.snapshot().rootKeys()].filter(({ State }) => State === "rekeying");
  }

  function later(): void {
    timer?.cancel();
    if (!closed) timer = clock.after(RETRY_MS, () => void rounds.ask());
  }

  const unsubscribe = cluster.state.watch.subscribe(({ command, outcome }) => {
    if (command.type === "root-keys-upsert" && outcome.ok && command.Keys.some(({ State }) => State === "rekeying")) void rounds.ask();
  });
  if (rekeying().length > 0) void rounds.ask();
  return {
    close() {
      closed = true;
      unsubscribe();
      timer?.cancel();
    },
  };
}

function nextBatch(variables: Iterable<SealedVariable>, but: ReadonlySet<string>): readonly SealedVariable[] {
  const batch: SealedVariable[] = [];
  let bytes = 0;
  for (const variable of variables) {
    if (but.has(keyOf(variable))) continue;
    bytes += variable.Data.length;
    if (batch.length > 0 && bytes > BATCH_BYTES) break;
    batch.push(variable);
    if (batch.length === BATCH_MAX) break;
  }
  return batch;
}

function placeOf({ Namespace, Path }: SealedVariable): Pick<SealedVariable, "Namespace" | "Path"> {
  return { Namespace, Path };
}

function keyOf({ Namespace, Path }: SealedVariable): string {
  return `${Namespace}\u0000${Path}`;
}
