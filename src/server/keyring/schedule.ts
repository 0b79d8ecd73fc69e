/**
 * When keys come, change and go: pure. nomad.md §7 "Keyring".
 *
 *   none ─► active ──(half of rotationMs)─► its successor is made, prepublished ──(rotationMs)─► the successor is active, it is inactive
 *   inactive ──(garbageThresholdMs, nothing lives that may hold an identity it signed, and it seals nothing)─► removed
 *
 * A full rotation makes the successor active at once and the keys before it "rekeying"; reseal.ts makes them inactive when they seal
 * nothing any more.
 *
 * A successor is in JWKS long before it signs, so who verifies has fetched it by then.
 */
import type { RootKey } from "#model";

export interface KeyringPolicy {
  readonly rotationMs: number;
  readonly garbageIntervalMs: number;
  readonly garbageThresholdMs: number;
  readonly algorithm: RootKey["Algorithm"];
}
const HOUR_MS = 3_600_000;
/** nomad.md §5.2 */
export const DEFAULT_KEYRING_POLICY: KeyringPolicy = {
  rotationMs: 720 * HOUR_MS,
  garbageIntervalMs: HOUR_MS / 6,
  garbageThresholdMs: HOUR_MS,
  algorithm: "RS256",
};

export type KeyStep =
  | { readonly kind: "make"; readonly publishAtNs: number | null }
  | { readonly kind: "publish"; readonly key: RootKey }
  | { readonly kind: "remove"; readonly key: RootKey };

/**
 * `lives(before)`: is there an allocation, not over on its node, that was made before this time (unix nanoseconds)? `seals(key id)`: is
 * something sealed with it?
 */
export function dueSteps(
  keys: readonly RootKey[],
  nowNs: number,
  policy: KeyringPolicy,
  lives: (beforeNs: number) => boolean,
  seals: (keyId: string) => boolean = () => false,
): readonly KeyStep[] {
  const steps: KeyStep[] = [];
  const active = keys.find(({ State }) => State === "active");
  const [successor] = keys.filter(({ State }) => State === "prepublished").toSorted((a, b) => a.PublishTime - b.PublishTime);
  if (active === undefined) steps.push({ kind: "make", publishAtNs: null });
  else if (successor === undefined) {
    const since = activeSince(active);
    const endNs = since + policy.rotationMs * 1e6;
    if (nowNs >= endNs) steps.push({ kind: "make", publishAtNs: null });
    else if (nowNs >= since + (policy.rotationMs / 2) * 1e6) steps.push({ kind: "make", publishAtNs: endNs });
  } else if (nowNs >= successor.PublishTime) steps.push({ kind: "publish", key: successor });
  for (const key of keys) {
    if (key.State !== "inactive") continue;
    const over = inactiveSince(key, keys);
    if (over === undefined || nowNs < over + policy.garbageThresholdMs * 1e6) continue;
    if (!seals(key.KeyID) && !lives(over)) steps.push({ kind: "remove", key });
  }
  return steps;
}

/** Until something is due: the next look, or the successor's time if that is sooner. */
export function untilNextLookMs(keys: readonly RootKey[], nowNs: number, policy: KeyringPolicy): number {
  const times = keys.filter(({ State }) => State === "prepublished").map(({ PublishTime }) => (PublishTime - nowNs) / 1e6);
  return Math.max(1, Math.ceil(Math.min(policy.garbageIntervalMs, ...times)));
}

/** When the key after it took over; undefined while there is none. Unix nanoseconds. */
export function inactiveSince(key: RootKey, keys: readonly RootKey[]): number | undefined {
  const began = activeSince(key);
  const later = keys
    .filter((each) => each.KeyID !== key.KeyID && each.State !== "prepublished" && activeSince(each) >= began)
    .map(activeSince);
  return later.length === 0 ? undefined : Math.min(...later);
}

function activeSince({ PublishTime, CreateTime }: RootKey): number {
  return PublishTime === 0 ? CreateTime : PublishTime;
}
