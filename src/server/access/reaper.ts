/**
 * Tokens whose time is over go, those for one use too. Nobody was served for them any more; this is for order. On the server that leads.
 * nomad.md §7 (GC): expired tokens after acl_token_gc_threshold, looked for every five minutes.
 */
import type { Timer } from "#ports";
import { messageOf } from "#std";
import type { AccessParts } from "./parts.ts";
import { hasExpired } from "./tokens.ts";

const EVERY_MS = 300_000;
const PER_COMMAND_MAX = 1_000;

export interface TokenReaper {
  /** Once, now. Resolves with how many went. */
  reap(): Promise<number>;
  close(): void;
}

/** `thresholdMs`: how long an expired token is still shown. */
export function createTokenReaper(parts: Pick<AccessParts, "cluster" | "clock" | "report">, thresholdMs: number): TokenReaper {
  const { cluster, clock, report } = parts;
  let timer: Timer | undefined;
  let closed = false;

  async function reap(): Promise<number> {
    const snapshot = cluster.state.snapshot();
    const before = clock.nowMs();
    const tokens = [...snapshot.aclTokens()].filter((token) => hasExpired(token, before - thresholdMs)).map(({ AccessorID }) => AccessorID);
    const oneTime = [...snapshot.oneTimeTokens()]
      .filter(({ ExpiresAt }) => Date.parse(ExpiresAt) <= before)
      .map((each) => each.OneTimeSecretID);
    for (let at = 0; at < tokens.length && !closed; at += PER_COMMAND_MAX) {
      await cluster.propose({ type: "acl-tokens-delete", AccessorIDs: tokens.slice(at, at + PER_COMMAND_MAX), Expired: true });
    }
    for (let at = 0; at < oneTime.length && !closed; at += PER_COMMAND_MAX) {
      await cluster.propose({ type: "one-time-tokens-delete", Secrets: oneTime.slice(at, at + PER_COMMAND_MAX), Expired: true });
    }
    return tokens.length + oneTime.length;
  }

  function arm(): void {
    if (closed) return;
    timer = clock.after(EVERY_MS, () => {
      void reap()
        .catch((thrown: unknown) =>
          report({ level: "warn", message: "cannot remove expired tokens", fields: { error: messageOf(thrown) } }),
        )
        .then(arm);
    });
  }
  arm();
  return {
    reap,
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
