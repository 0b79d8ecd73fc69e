/**
 * The keyring's keys, opened: what signs identities and what variables are sealed with. On every server; who makes, changes and removes keys
 * is the keeper (keeper.ts), on the one that leads.
 *
 *   signing ──► the keeper has looked (only where it works) ──► a key is active ──► opened once, kept
 *
 * Nothing but a signature waits for it. What wraps a key is on this server's disk, or is asked of the others (wrappings.ts).
 */
import type { RootKey } from "#model";
import type { KeyEncryption } from "#ports";
import type { ServerContext } from "../context.ts";
import { keyringClosed, rootKeyNotFound } from "../errors.ts";
import { openKey, type SigningKey } from "./key-pair.ts";

export interface Keyring {
  /** The active key, opened. Waits for the first one. */
  signing(): Promise<SigningKey>;
  /** The active key if it is at hand: nobody waits. */
  readonly atHand: SigningKey | undefined;
  /** Any key of the state, opened. Rejects with KEY_MISSING or KEY_DAMAGED, and ROOT_KEY_NOT_FOUND. */
  opened(id: string): Promise<SigningKey>;
  close(): void;
}

/** The keeper's side of it. */
export interface OpenKeys extends Keyring {
  open(key: RootKey): Promise<SigningKey>;
  /** It was just made here. */
  put(key: SigningKey): void;
  forget(id: string): void;
  /** Until this resolves nobody is given a key to sign with: the keeper may find that the active one cannot be opened. Returns its end. */
  holdUntil(looked: Promise<void>): () => void;
}

export function createKeyring({ cluster }: Pick<ServerContext, "cluster">, encryption: KeyEncryption): OpenKeys {
  const opened = new Map<string, Promise<SigningKey>>();
  const settled = new Map<string, SigningKey>();
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  let held: Promise<void> | undefined;
  let released = Promise.withResolvers<void>();
  let waiters: (() => void)[] = [];
  let closed = false;

  function put(key: SigningKey): void {
    opened.set(key.id, Promise.resolve(key));
    settled.set(key.id, key);
  }

  function open(key: RootKey): Promise<SigningKey> {
    let known = opened.get(key.KeyID);
    if (known === undefined) {
      known = openKey(key, encryption);
      known.then(put, () => opened.delete(key.KeyID));
      opened.set(key.KeyID, known);
    }
    return known;
  }

  function forget(id: string): void {
    opened.delete(id);
    settled.delete(id);
  }

  const unsubscribe = cluster.state.watch.subscribe(({ command, outcome, replaced }) => {
    if (replaced === true) for (const id of opened.keys()) forget(id);
    else if (outcome.ok && command.type === "root-key-delete") forget(command.KeyID);
    if (waiters.length === 0 || cluster.state.snapshot().activeRootKey() === undefined) return;
    for (const wake of waiters.splice(0)) wake();
  });

  /** What holds may be taken away while one waits: the keeper's work ends with the lead. */
  async function looked(): Promise<void> {
    for (let wait = held; wait !== undefined; wait = held === wait ? undefined : held) {
      await Promise.race([wait, released.promise, ended.promise]);
    }
  }

  return {
    async signing() {
      await looked();
      if (!closed && cluster.state.snapshot().activeRootKey() === undefined) {
        await Promise.race([new Promise<void>((resolve) => waiters.push(resolve)), ended.promise]);
      }
      const active = cluster.state.snapshot().activeRootKey();
      if (active === undefined || closed) throw keyringClosed();
      return open(active);
    },
    get atHand() {
      const active = cluster.state.snapshot().activeRootKey();
      return active === undefined ? undefined : settled.get(active.KeyID);
    },
    async opened(id) {
      const key = [...cluster.state.snapshot().rootKeys()].find(({ KeyID }) => KeyID === id);
      if (key === undefined) throw rootKeyNotFound(id);
      if (closed) throw keyringClosed();
      return open(key);
    },
    open,
    put,
    forget,
    holdUntil(wait) {
      held = wait;
      return () => {
        if (held !== wait) return;
        held = undefined;
        released.resolve();
        released = Promise.withResolvers();
      };
    },
    close() {
      closed = true;
      unsubscribe();
      waiters = [];
      ended.reject(keyringClosed());
    },
  };
}

const refuse = () => Promise.reject(keyringClosed());
/** A server without a keystore (simulations). */
export const NO_KEYRING: Keyring = { signing: refuse, atHand: undefined, opened: refuse, close: () => undefined };
