/**
 * What opens the root keys, on every server's disk: a leader whose machine burns takes no key with it.
 *
 *   a key comes into the state (or was there at the start) ──► is what opens it here? ──no──► asked of the others ──► on disk
 *        └── nobody has it ──► again after RETRY_MS, as long as the key is in the state
 *   a key goes from the state ──► what opened it goes too
 *
 * Someone who wants to open a key meanwhile asks by itself (`encryption.open`).
 */
import type { KeyEncryption, Timer } from "#ports";
import { messageOf, NamedError } from "#std";
import type { ServerContext } from "../context.ts";
import type { Others } from "../others.ts";

const RETRY_MS = 2_000;
const LOOK_MS = 200;
/** A key that is needed now is not held back for longer by servers that are away. */
export const SPREAD_MS = 10_000;

export interface Wrappings {
  /** As the disk's, and what is missing there is asked of the others. */
  readonly encryption: KeyEncryption;
  /** Resolves when a majority of the servers has what opens the key, or after SPREAD_MS (reported). */
  spread(keyId: string): Promise<void>;
  close(): void;
}

export function createWrappings(context: ServerContext, disk: KeyEncryption, others: Others): Wrappings {
  const { cluster, clock, report } = context;
  const asking = new Map<string, Promise<boolean>>();
  let timer: Timer | undefined;
  let closed = false;

  /** false: nobody has it now. */
  function fetch(keyId: string): Promise<boolean> {
    let asked = asking.get(keyId);
    if (asked === undefined) {
      asked = fetchNow(keyId).finally(() => asking.delete(keyId));
      asking.set(keyId, asked);
    }
    return asked;
  }

  async function fetchNow(keyId: string): Promise<boolean> {
    const found = await others.first(async (peer) => (await peer.keyEncryption(keyId)) ?? undefined);
    if (found === undefined) return false;
    await disk.adopt(keyId, found);
    report({ level: "debug", message: "what opens a root key came from another server", fields: { key: keyId } });
    return true;
  }

  async function look(): Promise<void> {
    timer = undefined;
    const missing: string[] = [];
    for (const { KeyID } of Array.from(cluster.state.snapshot().rootKeys())) {
      if (closed) return;
      const here = await disk.wrapping(KeyID).catch(() => null);
      if (here === null && !(await fetch(KeyID).catch(() => false))) missing.push(KeyID);
    }
    if (missing.length === 0) return;
    report({ level: "debug", message: "no server has what opens root keys: asking again", fields: { keys: missing.join(" ") } });
    lookAfter(RETRY_MS);
  }

  function lookAfter(delayMs: number): void {
    if (closed) return;
    timer?.cancel();
    timer = clock.after(delayMs, () => {
      look().catch((thrown: unknown) => {
        report({ level: "warn", message: "cannot look for what opens root keys", fields: { error: messageOf(thrown) } });
        lookAfter(RETRY_MS);
      });
    });
  }

  async function holders(keyId: string): Promise<number> {
    const addresses = await others.addresses();
    const answers = await Promise.all(
      addresses.map((address) => others.ask(address, async (peer) => (await peer.keyEncryption(keyId)) !== null).catch(() => false)),
    );
    return 1 + answers.filter(Boolean).length;
  }

  const unsubscribe = cluster.state.watch.subscribe(({ command, outcome, replaced }) => {
    if (replaced === true) return lookAfter(0);
    if (!outcome.ok) return;
    if (command.type === "root-keys-upsert") lookAfter(0);
    else if (command.type === "root-key-delete") disk.forget(command.KeyID).catch(() => undefined);
  });
  lookAfter(0);

  return {
    encryption: {
      ...delegated(disk),
      async open(keyId, sealed) {
        try {
          return await disk.open(keyId, sealed);
        } catch (thrown) {
          if (!(thrown instanceof NamedError) || thrown.code !== "KEY_MISSING" || !(await fetch(keyId))) throw thrown;
          return disk.open(keyId, sealed);
        }
      },
    },
    async spread(keyId) {
      const untilMs = clock.nowMs() + SPREAD_MS;
      for (;;) {
        const [have, count] = [await holders(keyId), await others.count()];
        if (closed || have > count / 2) return;
        if (clock.nowMs() >= untilMs) {
          const fields = { key: keyId, servers: count, have };
          return report({
            level: "warn",
            message: "a root key becomes active although a majority of the servers cannot open it yet",
            fields,
          });
        }
        await clock.sleep(LOOK_MS);
      }
    },
    close() {
      closed = true;
      timer?.cancel();
      unsubscribe();
    },
  };
}

/** Methods that may use `this` stay with the maker. */
function delegated(disk: KeyEncryption): KeyEncryption {
  return {
    seal: (keyId, plain) => disk.seal(keyId, plain),
    open: (keyId, sealed) => disk.open(keyId, sealed),
    forget: (keyId) => disk.forget(keyId),
    wrapping: (keyId) => disk.wrapping(keyId),
    adopt: (keyId, wrapping) => disk.adopt(keyId, wrapping),
  };
}
