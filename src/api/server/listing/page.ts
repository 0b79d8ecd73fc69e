/**
 * Lists: prefix, filter, order, pages. nomad.md §3.1.
 *
 * A page's token names the first item of the next page by a key that never changes while the item lives (id, or create index and
 * id). Whatever is written between two pages: every item that was there all the time is listed once (F27).
 */
import type { Job } from "#model";
import type { Snapshot } from "#state";
import type { Call, Context } from "../call.ts";
import { compileFilter } from "#std";
import { type Order, placeOf, type Seekable } from "./order.ts";
import { requireCluster } from "../require.ts";
import type { Made, MadeTable } from "./creation-order.ts";
import { collect, sortInSlices } from "./slices.ts";
import { readTokenText } from "./token-text.ts";

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

/** All of a table, oldest first; `snapshot` is the state's own. */
export async function inCreationOrder<T extends Made>(snapshot: Snapshot, table: MadeTable, context: Context): Promise<Seekable<T>> {
  const order = await context.orders.of(requireCluster(context).state, table);
  return order.within<T>(snapshot);
}
