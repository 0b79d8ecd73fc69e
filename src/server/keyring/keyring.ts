/**
 * The keys that sign identities and seal variables: made when there is none, rotated, published, removed (schedule.ts says when).
 *
 *   look ──► due steps ──► sealed, its wrapping key on disk ──► root-keys-upsert ──► (signs)
 *
 * Nothing here is waited for by anything but a signature: jobs run while the first key is still being looked for. Killed between the disk
 * and the entry, a wrapping key is left that opens nothing. An active key that cannot be opened (a restored state without its keystore)
 * is reported and succeeded at once; it stays in JWKS, so what it signed is still believed.
 */
import { clientTerminal, type RootKey } from "#model";
import type { KeyEncryption, Timer } from "#ports";
import { messageOf } from "#std";
import { commit, type ServerContext } from "../context.ts";
import { badRequest, keyringClosed, rootKeyInUse, rootKeyNotFound, rootKeySeals } from "../errors.ts";
import { jobsSealedWith } from "../sealed/sealed-texts.ts";
import { makeKey, openKey, type SigningKey } from "./key-pair.ts";
import { dueSteps, inactiveSince, type KeyringPolicy, type KeyStep, untilNextLookMs } from "./schedule.ts";

const RETRY_MS = 5_000;

export interface Keyring {
  /** The active key, opened. Waits for the first one. */
  signing(): Promise<SigningKey>;
  /** Any key of the state, opened. Rejects with KEY_MISSING or KEY_DAMAGED, and ROOT_KEY_NOT_FOUND. */
  opened(id: string): Promise<SigningKey>;
  /** `full`: what the keys before it seal is sealed anew (reseal.ts); until then they are "rekeying". */
  rotate(options: { readonly publishAtNs: number | null; readonly algorithm?: RootKey["Algorithm"]; readonly full?: boolean }): Promise<{
    readonly Key: RootKey;
    readonly Index: number;
  }>;
  /** Inactive ones only; with `force` also those that may have signed for something that lives. */
  remove(id: string, force: boolean): Promise<{ readonly Index: number }>;
  close(): void;
}

export function createKeyring(context: ServerContext, encryption: KeyEncryption, policy: KeyringPolicy): Keyring {
  const { cluster, clock, random, report } = context;
  const opened = new Map<string, Promise<SigningKey>>();
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => undefined);
  let timer: Timer | undefined;
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();

  const keys = (): readonly RootKey[] => [...cluster.state.snapshot().rootKeys()];

  /** One change at a time: a rotation asked for and the one that is due do not make two keys. */
  function inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const run = last.then(change);
    last = run.catch(() => undefined);
    return run;
  }

  function open(key: RootKey): Promise<SigningKey> {
    let known = opened.get(key.KeyID);
    if (known === undefined) {
      known = openKey(key, encryption);
      known.catch(() => opened.delete(key.KeyID));
      opened.set(key.KeyID, known);
    }
    return known;
  }

  async function make(
    publishAtNs: number | null,
    algorithm: RootKey["Algorithm"],
    full = false,
  ): Promise<{ readonly Key: RootKey; readonly Index: number }> {
    const KeyID = random.uuid();
    const made = await makeKey(KeyID, algorithm, encryption);
    if (closed) {
      await encryption.forget(KeyID);
      throw keyringClosed();
    }
    const Key: RootKey = {
      KeyID,
      Algorithm: algorithm,
      State: publishAtNs === null ? "active" : "prepublished",
      CreateTime: clock.nowNs(),
      PublishTime: publishAtNs ?? 0,
      PublicJwk: made.publicJwk,
      Wrapped: made.wrapped,
      CreateIndex: 0,
      ModifyIndex: 0,
    };
    opened.set(KeyID, Promise.resolve(made.signing));
    const before = full ? keys().filter(({ State, KeyID: id }) => State === "active" || (State === "inactive" && seals(context, id))) : [];
    const Keys = [...before.map((each): RootKey => ({ ...each, State: "rekeying" })), Key];
    const Index = await commit(context, { type: "root-keys-upsert", Keys });
    report({ level: "info", message: "root key made", fields: { key: KeyID, algorithm, state: Key.State } });
    return { Key: keys().find((each) => each.KeyID === KeyID) ?? Key, Index };
  }

  async function drop(id: string): Promise<number> {
    const index = await commit(context, { type: "root-key-delete", KeyID: id });
    opened.delete(id);
    await encryption.forget(id);
    report({ level: "info", message: "root key removed", fields: { key: id } });
    return index;
  }

  async function take(step: KeyStep): Promise<void> {
    if (step.kind === "make") await make(step.publishAtNs, policy.algorithm);
    else if (step.kind === "remove") await drop(step.key.KeyID);
    else await commit(context, { type: "root-keys-upsert", Keys: [{ ...step.key, State: "active" }] });
  }

  async function look(): Promise<void> {
    for (const step of dueSteps(
      keys(),
      clock.nowNs(),
      policy,
      (beforeNs) => lives(context, beforeNs),
      (id) => seals(context, id),
    )) {
      if (closed) return;
      await take(step);
    }
    const active = cluster.state.snapshot().activeRootKey();
    if (active !== undefined && !closed) await open(active).catch((thrown: unknown) => succeed(active, thrown));
    ready.resolve();
  }

  async function succeed(key: RootKey, thrown: unknown): Promise<void> {
    report({
      level: "error",
      message: "cannot open the active root key: another takes its place",
      fields: { key: key.KeyID, error: messageOf(thrown) },
    });
    await make(null, key.Algorithm);
  }

  function run(): void {
    inTurn(look).then(
      () => schedule(untilNextLookMs(keys(), clock.nowNs(), policy)),
      (thrown: unknown) => {
        if (!closed) report({ level: "error", message: "cannot look after the keyring", fields: { error: messageOf(thrown) } });
        schedule(RETRY_MS);
      },
    );
  }

  function schedule(afterMs: number): void {
    if (!closed) timer = clock.after(afterMs, run);
  }

  run();
  return {
    async signing() {
      await ready.promise;
      const active = cluster.state.snapshot().activeRootKey();
      if (active === undefined || closed) throw keyringClosed();
      return open(active);
    },

    async opened(id) {
      const key = keys().find(({ KeyID }) => KeyID === id);
      if (key === undefined) throw rootKeyNotFound(id);
      if (closed) throw keyringClosed();
      return open(key);
    },

    rotate: ({ publishAtNs, algorithm = policy.algorithm, full = false }) =>
      inTurn(async () => {
        if (publishAtNs !== null && publishAtNs <= clock.nowNs())
          throw badRequest("Cannot prepublish root key: its publish time has passed");
        return make(publishAtNs, algorithm, full);
      }),

    remove: (id, force) =>
      inTurn(async () => {
        const all = keys();
        const key = all.find(({ KeyID }) => KeyID === id);
        if (key === undefined) throw rootKeyNotFound(id);
        const since = inactiveSince(key, all);
        // Not even by force: nobody could read that again.
        if (seals(context, id)) throw rootKeySeals(id);
        if (key.State !== "active" && key.State !== "prepublished" && !force && (since === undefined || lives(context, since)))
          throw rootKeyInUse(id);
        return { Index: await drop(id) };
      }),

    close() {
      closed = true;
      timer?.cancel();
      ready.reject(keyringClosed());
    },
  };
}

/** What was made before a key took over may hold an identity of the key before it, and one without a ttl for as long as it lives. */
function lives({ cluster }: ServerContext, beforeNs: number): boolean {
  for (const allocation of cluster.state.snapshot().allocations()) {
    if (allocation.CreateTime < beforeNs && !clientTerminal(allocation)) return true;
  }
  return false;
}

function seals({ cluster }: ServerContext, keyId: string): boolean {
  const snapshot = cluster.state.snapshot();
  for (const _variable of snapshot.variablesSealedWith(keyId)) return true;
  return jobsSealedWith(snapshot, keyId);
}
