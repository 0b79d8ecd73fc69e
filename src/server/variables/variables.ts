/**
 * The variables' store: who may, what is written, what has come of it. Plain items come in and go out; what is proposed is sealed.
 *
 *   request ─► well-formed? ─► may it? ─► sealed with the active key ─► proposed ─► written, or what stands in the way (409)
 *                                              └── the key was rotated meanwhile: sealed again
 */
import type { Namespace, SealedVariable, Variable } from "#model";
import type { Command, Outcome, VariableWrite } from "#state";
import { type ServerContext } from "../context.ts";
import { badRequest, refused } from "../errors.ts";
import { verifyIdentity } from "../operations/verify-identity.ts";
import type { VariablePlace, VariableRequest, Variables, VariableWritten } from "./contract.ts";
import { variableDenied, variableNotFound } from "./errors.ts";
import type { VariableLocks } from "./locks.ts";
import type { VariableReader } from "./read-for-node.ts";
import { type Items, lockTimes, requireItems, requireOneNamespace, requirePath, requireSize } from "./request.ts";
import { type Asked, type Asker, mayUse, whyDenied, workloadOfClaims } from "./rights.ts";
import { sealItems } from "./seal.ts";
import type { Sealer } from "./sealer.ts";
import { absent, metadataOf } from "./shown.ts";

/** A rotation between sealing and writing is rare; two in a row are somebody's loop. */
const SEALS_MAX = 5;

export interface VariableParts {
  readonly sealer: Sealer;
  /** Only the server that leads knows how long a lock has been held: `renew` throws NOT_LEADING elsewhere. */
  readonly locks: Pick<VariableLocks, "renew">;
  readonly reader: VariableReader;
}

export function createVariables(context: ServerContext, { sealer, locks, reader }: VariableParts): Variables {
  const { cluster, random } = context;
  const current = ({ Namespace, Path }: VariablePlace) => cluster.state.snapshot().variable(Namespace, Path);
  const open = async (sealed: SealedVariable): Promise<Variable> => ({ ...metadataOf(sealed), Items: await sealer.open(sealed) });

  async function conflict(asker: Asker, place: VariablePlace): Promise<Extract<VariableWritten, { ok: false }>> {
    const found = current(place);
    if (found === undefined) {
      return { ok: false, Index: cluster.state.snapshot().tableIndex("variables"), Conflict: absent(place) };
    }
    const Items = mayUse(asker, { access: "read", ...place }) ? await sealer.open(found) : null;
    return { ok: false, Index: found.ModifyIndex, Conflict: { ...metadataOf(found), Items } };
  }

  /** Seals and proposes; again when the key it was sealed with is not the active one any more. */
  async function propose(place: VariablePlace, items: Items, command: (sealed: VariableWrite) => Command): Promise<Outcome> {
    for (let tries = 1; ; tries++) {
      const key = await sealer.active();
      const Namespace = place.Namespace as Namespace;
      const outcome = await cluster.propose(
        command({ Namespace, Path: place.Path, ...sealItems(key, { Namespace, Path: place.Path }, items) }),
      );
      const stale = !outcome.ok && outcome.code === "invalid" && cluster.state.snapshot().activeRootKey()?.KeyID !== key.id;
      if (!stale || tries === SEALS_MAX) return outcome;
    }
  }

  /** `items` undefined: those that are there. */
  async function written(
    asker: Asker,
    place: VariablePlace,
    outcome: Outcome,
    of: { readonly items: Items | undefined; readonly lockId: string },
  ): Promise<VariableWritten> {
    if (!outcome.ok) {
      if (outcome.code === "conflict") return conflict(asker, place);
      throw outcome.code === "missing" ? variableNotFound() : refused(outcome);
    }
    const found = current(place);
    if (found === undefined) throw variableNotFound();
    const Items = of.items ?? (await sealer.open(found));
    // Another write may be on top of it already: the answer is about this one.
    return { ok: true, Index: outcome.index, Variable: { ...metadataOf(found, of.lockId), ModifyIndex: outcome.index, Items } };
  }

  function check(asker: Asker, asked: Asked): void {
    requireOneNamespace(asked.Namespace);
    requirePath(asked.Path);
    require(asker, asked);
  }

  function require(asker: Asker, asked: Asked): void {
    const denied = whyDenied(asker, asked);
    if (denied !== null) throw variableDenied(denied.reason, denied.fix);
  }

  function heldLock(asker: Asker, request: VariableRequest): SealedVariable | undefined {
    check(asker, { access: "write", ...placeOf(request) });
    if (request.Lock.ID === "") throw badRequest("Cannot use lock: it has no ID, wanted the one that lock-acquire answered");
    const found = current(request);
    if (found === undefined) throw variableNotFound();
    return found.Lock?.ID === request.Lock.ID ? found : undefined;
  }

  return {
    async asker(token) {
      if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return null;
      const claims = await verifyIdentity(context, token);
      const allocation = claims === undefined ? undefined : cluster.state.snapshot().allocation(claims.nomad_allocation_id);
      if (claims === undefined || allocation === undefined) {
        throw variableDenied(
          "the workload identity is not one of this cluster, has expired, or its allocation has ended",
          "Ask with the task's present identity.",
        );
      }
      return workloadOfClaims(claims, allocation);
    },
    require,
    may: mayUse,
    metadata: (sealed) => metadataOf(sealed),
    open,

    async put(asker, request, checkIndex) {
      check(asker, { access: "write", ...placeOf(request) });
      requireItems(request.Items);
      requireSize(request.Items);
      requireSameTimes(request, current(request));
      const LockID = request.Lock.ID;
      const outcome = await propose(request, request.Items, (Variable) => ({
        type: "variable-put",
        Variable,
        CheckIndex: checkIndex,
        LockID,
      }));
      return written(asker, placeOf(request), outcome, { items: request.Items, lockId: LockID });
    },

    async delete(asker, place, { checkIndex, lockId }) {
      check(asker, { access: "destroy", ...placeOf(place) });
      const { Namespace, Path } = place;
      const outcome = await cluster.propose({
        type: "variable-delete",
        Namespace: Namespace as Namespace,
        Path,
        CheckIndex: checkIndex,
        LockID: lockId,
      });
      if (outcome.ok) return { ok: true, Index: outcome.index };
      if (outcome.code === "conflict") return conflict(asker, placeOf(place));
      throw refused(outcome);
    },

    async acquire(asker, request) {
      check(asker, { access: "write", ...placeOf(request) });
      requireSize(request.Items);
      const times = lockTimes(request.Lock);
      const place = placeOf(request);
      const held = current(place);
      // Asked again by who holds it: an answer was lost on the way.
      if (held !== undefined && held.Lock?.ID === request.Lock.ID && locks.renew(held, request.Lock.ID)) {
        return { ok: true, Index: held.ModifyIndex, Variable: { ...metadataOf(held, request.Lock.ID), Items: await sealer.open(held) } };
      }
      const Lock = { ID: random.uuid(), ...times };
      const Overwrite = Object.keys(request.Items).length > 0;
      const outcome = await propose(place, request.Items, (Variable) => ({ type: "variable-lock", Variable, Overwrite, Lock }));
      return written(asker, place, outcome, { items: Overwrite ? request.Items : undefined, lockId: Lock.ID });
    },

    async renew(asker, request) {
      const found = heldLock(asker, request);
      if (found === undefined || !locks.renew(found, request.Lock.ID)) return conflict(asker, placeOf(request));
      return { ok: true, Index: found.ModifyIndex, Variable: { ...metadataOf(found, request.Lock.ID), Items: {} } };
    },

    async release(asker, request) {
      if (Object.keys(request.Items).length > 0)
        throw badRequest("Cannot release lock: items are given, wanted none: they are not written by this");
      if (heldLock(asker, request) === undefined) return conflict(asker, placeOf(request));
      const { Namespace, Path } = request;
      const outcome = await cluster.propose({
        type: "variable-unlock",
        Namespace: Namespace as Namespace,
        Path,
        LockID: request.Lock.ID,
        Lost: false,
      });
      return written(asker, placeOf(request), outcome, { items: {}, lockId: "" });
    },

    readVariable: reader.read,
  };
}

function placeOf({ Namespace, Path }: VariablePlace): VariablePlace {
  return { Namespace, Path };
}

/** Times are of the one who took the lock, for as long as it is held. */
function requireSameTimes({ Lock }: VariableRequest, held: SealedVariable | undefined): void {
  if (held === undefined || held.Lock === null || Lock.ID !== held.Lock.ID) return;
  const { TTL, LockDelay } = metadataOf(held).Lock ?? { TTL: "", LockDelay: "" };
  if (
    (Lock.TTL === "" || lockTimes(Lock).TTL === held.Lock.TTL) &&
    (Lock.LockDelay === "" || lockTimes(Lock).LockDelay === held.Lock.LockDelay)
  ) {
    return;
  }
  throw badRequest(`Cannot store variable: its lock is held with TTL ${TTL} and LockDelay ${LockDelay}, wanted the same or none`);
}
