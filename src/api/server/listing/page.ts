/**
 * Lists: prefix, filter, order, pages. nomad.md §3.1.
 *
 * A page's token names the first item of the next page by a key that never changes while the item lives (id, or create index and
 * id). Whatever is written between two pages: every item that was there all the time is listed once (F27).
 */
import type { Job } from "#model";
import type { Snapshot } from "#state";
import type { Call } from "../call.ts";
import { compileFilter } from "#std";
import { badRequest } from "../refusal.ts";
import { collect, sortInSlices } from "./slices.ts";
import { readTokenText } from "./token-text.ts";

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

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken: string;
}

export async function page<T>(
  call: Call,
  source: Iterable<T> | Seekable<T>,
  order: Order<T>,
  keep?: (item: T) => boolean,
): Promise<Page<T>> {
  const perPage = call.query.whole("per_page", 0);
  const reverse = call.query.flag("reverse", false, true);
  const token = readTokenText(call.query.text("next_token"));
  const filter = call.query.text("filter");
  const matches = filter === "" ? undefined : compileFilter(filter);
  if ("from" in source) {
    const wanted = (item: T) => (keep === undefined || keep(item)) && (matches === undefined || matches(item));
    const walk = source.from(token === "" ? undefined : token, reverse);
    return cut(await collect(walk, wanted, perPage > 0 ? perPage + 1 : Infinity), perPage, order);
  }
  const place = token === "" ? undefined : order.against(token);

  const wanted = (item: T) =>
    (place === undefined || (reverse ? place(item) <= 0 : place(item) >= 0)) &&
    (keep === undefined || keep(item)) &&
    (matches === undefined || matches(item));
  const direct = order.sorted && !reverse;
  let items: readonly T[] = await collect(source, wanted, direct && perPage > 0 ? perPage + 1 : Infinity);
  if (!order.sorted) items = await sortInSlices(items, order.compare);
  if (reverse) items = items.toReversed();
  return cut(items, perPage, order);
}

function cut<T>(items: readonly T[], perPage: number, order: Order<T>): Page<T> {
  const next = perPage > 0 ? items[perPage] : undefined;
  return next === undefined ? { items, nextToken: "" } : { items: items.slice(0, perPage), nextToken: order.token(next) };
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
function placeOf(token: string, namespace: string): { readonly Namespace: string; readonly ID: string } {
  if (namespace !== "*") return { Namespace: namespace, ID: token };
  const dot = token.indexOf(".");
  if (dot < 0) throw badRequest(`Invalid next_token: ${JSON.stringify(token.slice(0, 80))} is not from a page of this list`);
  return { Namespace: token.slice(0, dot), ID: token.slice(dot + 1) };
}

/** Jobs, entered at the token's place rather than read from the beginning; in reverse the whole list is read, in slices. */
export function jobsFrom(snapshot: Snapshot, call: Call): Seekable<Job> | Iterable<Job> {
  const { namespace } = call;
  const prefix = call.query.text("prefix");
  if (call.query.flag("reverse", false, true)) return snapshot.jobs(namespace, prefix);
  return {
    *from(token) {
      if (token === undefined) return yield* snapshot.jobs(namespace, prefix);
      const place = placeOf(token, namespace);
      const first = snapshot.job(place.Namespace, place.ID);
      if (first?.ID.startsWith(prefix) === true) yield first;
      yield* snapshot.jobs(namespace, prefix, place);
    },
  };
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
