/**
 * Who looks after the keys, on the server that leads: made when there is none, rotated, published, removed (schedule.ts says when).
 *
 *   look ──► due steps ──► sealed, its wrapping key on disk ──► root-keys-upsert ──► (signs)
 *   with other servers:    sealed, … ──► prepublished ──► a majority has what opens it (or SPREAD_MS, with a warning) ──► active
 *
 * Jobs run while the first key is still being looked for. Killed between the disk and the entry, a wrapping key is left that opens
 * nothing; killed before it is active, the next leader finds a prepublished key whose time has come. An active key that cannot be opened (a
 * restored state without its keystore) is reported and succeeded at once; it stays in JWKS, so what it signed is still believed.
 */
import { clientTerminal, type RootKey } from "#model";
import type { KeyEncryption, Timer } from "#ports";
import { messageOf } from "#std";
import { commit, type ServerContext } from "../context.ts";
import { badRequest, keyringClosed, rootKeyInUse, rootKeyNotFound, rootKeySeals } from "../errors.ts";
import { jobsSealedWith } from "../sealed/sealed-texts.ts";
import { makeKey } from "./key-pair.ts";
import type { OpenKeys } from "./keyring.ts";
import { dueSteps, inactiveSince, type KeyringPolicy, type KeyStep, untilNextLookMs } from "./schedule.ts";

const RETRY_MS = 5_000;

export interface KeyringKeeper {
  /** `full`: what the keys before it seal is sealed anew (reseal.ts); until then they are "rekeying". */
  rotate(options: { readonly publishAtNs: number | null; readonly algorithm?: RootKey["Algorithm"]; readonly full?: boolean }): Promise<{
    readonly Key: RootKey;
    readonly Index: number;
  }>;
  /** Inactive ones only; with `force` also those that may have signed for something that lives. */
  remove(id: string, force: boolean): Promise<{ readonly Index: number }>;
  close(): void;
}

export interface KeeperParts {
  readonly keyring: OpenKeys;
  readonly encryption: KeyEncryption;
  readonly policy: KeyringPolicy;
  /** Resolves when enough other servers have what opens the key, or too long has passed. Absent: there are none. */
  readonly spread?: (keyId: string) => Promise<void>;
}

export function createKeyringKeeper(context: ServerContext, { keyring, encryption, policy, spread }: KeeperParts): KeyringKeeper {
  const { cluster, clock, random, report } = context;
  const ready = Promise.withResolvers<void>();
  const release = keyring.holdUntil(ready.promise);
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
    const atOnce = publishAtNs === null;
    // The first of all is active as it comes, and nobody is given it to sign with until the first look is over, which waits for the others.
    const activeAsItComes = atOnce && (spread === undefined || cluster.state.snapshot().activeRootKey() === undefined);
    const Key: RootKey = {
      KeyID,
      Algorithm: algorithm,
      State: activeAsItComes ? "active" : "prepublished",
      CreateTime: clock.nowNs(),
      PublishTime: publishAtNs ?? (activeAsItComes ? 0 : clock.nowNs()),
      PublicJwk: made.publicJwk,
      Wrapped: made.wrapped,
      CreateIndex: 0,
      ModifyIndex: 0,
    };
    keyring.put(made.signing);
    const before = (): RootKey[] =>
      full
        ? keys()
            .filter(({ State, KeyID: id }) => State === "active" || (State === "inactive" && seals(context, id)))
            .map((each) => ({ ...each, State: "rekeying" }))
        : [];
    let Index = await commit(context, { type: "root-keys-upsert", Keys: activeAsItComes ? [...before(), Key] : [Key] });
    report({ level: "info", message: "root key made", fields: { key: KeyID, algorithm, state: Key.State } });
    if (atOnce) await spread?.(KeyID);
    if (atOnce && !activeAsItComes) {
      Index = await commit(context, { type: "root-keys-upsert", Keys: [...before(), { ...stored(KeyID, Key), State: "active" }] });
    }
    return { Key: stored(KeyID, Key), Index };
  }

  function stored(id: string, otherwise: RootKey): RootKey {
    return keys().find((each) => each.KeyID === id) ?? otherwise;
  }

  async function drop(id: string): Promise<number> {
    const index = await commit(context, { type: "root-key-delete", KeyID: id });
    keyring.forget(id);
    await encryption.forget(id);
    report({ level: "info", message: "root key removed", fields: { key: id } });
    return index;
  }

  async function publish(key: RootKey): Promise<void> {
    await spread?.(key.KeyID);
    await commit(context, { type: "root-keys-upsert", Keys: [{ ...key, State: "active" }] });
  }

  async function take(step: KeyStep): Promise<void> {
    if (step.kind === "make") await make(step.publishAtNs, policy.algorithm);
    else if (step.kind === "remove") await drop(step.key.KeyID);
    else await publish(step.key);
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
    if (active !== undefined && !closed) await keyring.open(active).catch((thrown: unknown) => succeed(active, thrown));
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
      release();
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
