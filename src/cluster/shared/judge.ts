/**
 * What a server makes of the shared log it finds, compared with its own disk. Pure: others act on it. "May follow" means that own disk and
 * tail together reach the head without a gap; nobody else may lead.
 *
 *                 nothing there          a cluster there
 *   own disk new   create | wait          adopt
 *   own disk full  create | refuse        follow | fetch a snapshot | refuse (foreign, behind, diverged)
 */
import type { SharedHead } from "#ports";
import type { NamedError } from "#std";
import { behind, diverged, foreignCluster, wiped } from "../problems.ts";

export interface OwnDisk {
  /** "": to none yet. */
  readonly clusterId: string;
  /** 0: nothing was ever written. */
  readonly lastIndex: number;
  /** Of whoever wrote the entry at lastIndex; "" where nobody had to say. */
  readonly epochId: string;
  /** An operator had it moved here from a log of its own: the shared log is made from it. */
  readonly founds: boolean;
}

export type Verdict =
  | { readonly kind: "create" }
  | { readonly kind: "wait" }
  | { readonly kind: "adopt"; readonly clusterId: string }
  | { readonly kind: "follow" }
  | { readonly kind: "fetch"; readonly atLeastIndex: number }
  | { readonly kind: "refuse"; readonly problem: NamedError };

export function judge(head: SharedHead | null, own: OwnDisk, mayCreate: boolean): Verdict {
  if (head === null) return judgeNothing(own, mayCreate);
  if (own.clusterId === "") return { kind: "adopt", clusterId: head.ClusterId };
  if (own.clusterId !== head.ClusterId) return { kind: "refuse", problem: foreignCluster(own.clusterId, head.ClusterId) };
  if (head.LastIndex < own.lastIndex) return { kind: "refuse", problem: behind(head.LastIndex, own.lastIndex) };
  if (head.LastIndex === own.lastIndex && own.lastIndex > 0 && head.EpochId !== own.epochId)
    return { kind: "refuse", problem: diverged(own.lastIndex) };
  if (own.lastIndex + 1 < head.Floor) return { kind: "fetch", atLeastIndex: head.Floor - 1 };
  return { kind: "follow" };
}

function judgeNothing(own: OwnDisk, mayCreate: boolean): Verdict {
  if (own.founds || (mayCreate && own.lastIndex === 0)) return { kind: "create" };
  return own.lastIndex === 0 ? { kind: "wait" } : { kind: "refuse", problem: wiped(own.lastIndex) };
}
