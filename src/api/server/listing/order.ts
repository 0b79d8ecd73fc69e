/** How lists are ordered, and how their tokens are written and read. Pure. nomad.md §3.1. */
import { badRequest } from "../refusal.ts";

/** How a list is ordered, and how its tokens are written. */
export interface Order<T> {
  /** The source yields in this order already. */
  readonly sorted: boolean;
  compare(a: T, b: T): number;
  token(item: T): string;
  /** Is the item before (negative), at (0) or after the token's place? Throws 400 for a token that is none. */
  against(token: string): (item: T) => number;
}

/** A list that stands in its order already and can be entered anywhere. */
export interface Seekable<T> {
  /** From `token` (of the first one of a page) on, or all of it. Throws 400 for a token that is none. */
  from(token: string | undefined, reverse: boolean): Iterable<T>;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Nodes, and lists with a prefix. */
export function byId<T extends { readonly ID: string }>(): Order<T> {
  return {
    sorted: true,
    compare: (a, b) => compareText(a.ID, b.ID),
    token: (item) => item.ID,
    against: (token) => (item) => compareText(item.ID, token),
  };
}

/** Namespaces and node pools. */
export function byName<T extends { readonly Name: string }>(): Order<T> {
  return {
    sorted: true,
    compare: (a, b) => compareText(a.Name, b.Name),
    token: (item) => item.Name,
    against: (token) => (item) => compareText(item.Name, token),
  };
}

/** What the state keeps in the order of a text of its own: the token is the whole of it, so that it is found when the item has gone. */
export function byText<T>(textOf: (item: T) => string): Order<T> {
  return {
    sorted: true,
    compare: (a, b) => compareText(textOf(a), textOf(b)),
    token: textOf,
    against: (token) => (item) => compareText(textOf(item), token),
  };
}

/** Jobs: by namespace and id; the token names the namespace where several are listed. */
export function byNamespaceAndId<T extends { readonly Namespace: string; readonly ID: string }>(namespace: string): Order<T> {
  const several = namespace === "*";
  return {
    sorted: true,
    compare: (a, b) => compareText(a.Namespace, b.Namespace) || compareText(a.ID, b.ID),
    token: (item) => (several ? `${item.Namespace}.${item.ID}` : item.ID),
    against(token) {
      if (!several) return (item) => compareText(item.ID, token);
      const { Namespace, ID } = placeOf(token, namespace);
      return (item) => compareText(item.Namespace, Namespace) || compareText(item.ID, ID);
    },
  };
}

/** Names of namespaces hold no dots. */
export function placeOf(token: string, namespace: string): { readonly Namespace: string; readonly ID: string } {
  if (namespace !== "*") return { Namespace: namespace, ID: token };
  const dot = token.indexOf(".");
  if (dot < 0) throw badRequest(`Invalid next_token: ${JSON.stringify(token.slice(0, 80))} is not from a page of this list`);
  return { Namespace: token.slice(0, dot), ID: token.slice(dot + 1) };
}

/** Allocations, evaluations and deployments: oldest first. */
export function byCreateIndex<T extends { readonly CreateIndex: number; readonly ID: string }>(): Order<T> {
  return byIndex(
    (item) => item.CreateIndex,
    (item) => item.ID,
  );
}

/** Job statuses: longest unchanged first. */
export function byModifyIndex<T extends { readonly ModifyIndex: number; readonly Namespace: string; readonly ID: string }>(): Order<T> {
  return byIndex(
    (item) => item.ModifyIndex,
    (item) => `${item.Namespace}.${item.ID}`,
  );
}

/** "<index>.<name>" */
export function readIndexToken(token: string): { readonly index: number; readonly name: string } {
  const match = /^(\d{1,15})\.(.+)$/s.exec(token);
  if (match === null) throw badRequest(`Invalid next_token: ${JSON.stringify(token.slice(0, 80))} is not from a page of this list`);
  return { index: Number(match[1]), name: match[2] as string };
}

/** Several items may share an index, so the name is part of the place. */
function byIndex<T>(indexOf: (item: T) => number, nameOf: (item: T) => string): Order<T> {
  return {
    sorted: false,
    compare: (a, b) => indexOf(a) - indexOf(b) || compareText(nameOf(a), nameOf(b)),
    token: (item) => `${indexOf(item)}.${nameOf(item)}`,
    against(token) {
      const { index, name } = readIndexToken(token);
      return (item) => indexOf(item) - index || compareText(nameOf(item), name);
    },
  };
}
