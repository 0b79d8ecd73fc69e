/**
 * A map with string keys in order, whose copies are free: `fork()` takes constant time, and neither side sees what the other
 * writes after it.
 *
 * A B+tree of pages. Every page remembers the owner it was made for; a map writes in place the pages it owns and copies the
 * others on the way down (copy on write). `fork` gives both sides a new owner, so from then on all shared pages are read only.
 *
 *   branch ── keys: smallest key below each child but the first ── children
 *   leaf   ── keys ── values
 *
 * Keys are compared by UTF-16 code units (`<`), the same everywhere. Pages hold at most PAGE_MAX entries; a page that has shrunk
 * is joined with its neighbour, so a map that was emptied keeps no skeleton. Iterating a map while writing to it is not allowed;
 * iterate a fork.
 */

const PAGE_MAX = 48;
/** A page below this is joined with a neighbour, if both fit in JOIN_MAX. */
const PAGE_LOW = 16;
const JOIN_MAX = 40;

/** Identity only. */
type Owner = object;

interface Leaf<V> {
  readonly owner: Owner;
  readonly children: null;
  readonly keys: string[];
  readonly values: V[];
}
interface Branch<V> {
  readonly owner: Owner;
  readonly children: Page<V>[];
  readonly keys: string[];
  readonly values: null;
}
type Page<V> = Leaf<V> | Branch<V>;

export interface RangeOptions {
  /** Leave out `from` itself. */
  readonly exclusive?: boolean;
  readonly reverse?: boolean;
}

export class OrderedMap<V> {
  #root: Page<V> | null = null;
  #size = 0;
  #owner: Owner = {};

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    let page = this.#root;
    if (page === null) return undefined;
    while (page.children !== null) page = page.children[childIndex(page.keys, key)] as Page<V>;
    const at = lowerBound(page.keys, key);
    return page.keys[at] === key ? page.values[at] : undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** An independent copy, in constant time. */
  fork(): OrderedMap<V> {
    const copy = new OrderedMap<V>();
    copy.#root = this.#root;
    copy.#size = this.#size;
    this.#owner = {};
    return copy;
  }

  set(key: string, value: V): void {
    if (this.#root === null) {
      this.#root = { owner: this.#owner, children: null, keys: [key], values: [value] };
      this.#size = 1;
      return;
    }
    const root = this.#own(this.#root);
    this.#root = root;
    const right = this.#insert(root, key, value);
    if (right !== undefined) {
      this.#root = { owner: this.#owner, children: [root, right.page], keys: [right.key], values: null };
    }
  }

  /** True when the key was there. */
  delete(key: string): boolean {
    if (this.#root === null || this.get(key) === undefined) return false;
    let root = this.#own(this.#root);
    this.#remove(root, key);
    while (root.children !== null && root.children.length === 1) root = root.children[0] as Page<V>;
    this.#root = root.keys.length === 0 && root.children === null ? null : root;
    this.#size--;
    return true;
  }

  /** Entries in key order, from `from` on (reversed: from `from` down). */
  *range(from?: string, options: RangeOptions = {}): Generator<readonly [key: string, value: V]> {
    const step = options.reverse === true ? -1 : 1;
    for (const [leaf, start] of this.#leaves(from, options)) {
      for (let at = start; at >= 0 && at < leaf.keys.length; at += step) yield [leaf.keys[at] as string, leaf.values[at] as V];
    }
  }

  /** Values in key order; with a prefix, only those of keys that start with it. */
  *values(prefix = ""): Generator<V> {
    for (const [leaf, start] of this.#leaves(prefix, {})) {
      for (let at = start; at < leaf.keys.length; at++) {
        if (!(leaf.keys[at] as string).startsWith(prefix)) return;
        yield leaf.values[at] as V;
      }
    }
  }

  *keys(prefix = ""): Generator<string> {
    for (const [leaf, start] of this.#leaves(prefix, {})) {
      for (let at = start; at < leaf.keys.length; at++) {
        const key = leaf.keys[at] as string;
        if (!key.startsWith(prefix)) return;
        yield key;
      }
    }
  }

  /** Leaves in order, each with the position to start at. An explicit path, so that a walk costs no recursion and no copies. */
  *#leaves(from: string | undefined, options: RangeOptions): Generator<readonly [Leaf<V>, number]> {
    const { exclusive = false, reverse = false } = options;
    const path: { readonly page: Branch<V>; at: number }[] = [];
    let page: Page<V> | null = this.#root;
    if (page === null) return;
    while (page.children !== null) {
      const at: number = from === undefined ? (reverse ? page.children.length - 1 : 0) : childIndex(page.keys, from);
      path.push({ page, at });
      page = page.children[at] as Page<V>;
    }
    yield [page, startAt(page.keys, from, exclusive, reverse)];
    for (let leaf = nextLeaf(path, reverse ? -1 : 1); leaf !== undefined; leaf = nextLeaf(path, reverse ? -1 : 1)) {
      yield [leaf, reverse ? leaf.keys.length - 1 : 0];
    }
  }

  #own(page: Page<V>): Page<V> {
    if (page.owner === this.#owner) return page;
    return page.children === null
      ? { owner: this.#owner, children: null, keys: page.keys.slice(), values: page.values.slice() }
      : { owner: this.#owner, children: page.children.slice(), keys: page.keys.slice(), values: null };
  }

  /** `page` is owned. Returns the new right neighbour when the page had to be split. */
  #insert(page: Page<V>, key: string, value: V): { readonly key: string; readonly page: Page<V> } | undefined {
    if (page.children === null) {
      const at = lowerBound(page.keys, key);
      if (page.keys[at] === key) {
        page.values[at] = value;
        return undefined;
      }
      page.keys.splice(at, 0, key);
      page.values.splice(at, 0, value);
      this.#size++;
      if (page.keys.length <= PAGE_MAX) return undefined;
      // Keys that arrive in order leave full pages behind.
      const cut = at === page.keys.length - 1 ? at : page.keys.length >> 1;
      const right: Leaf<V> = { owner: this.#owner, children: null, keys: page.keys.splice(cut), values: page.values.splice(cut) };
      return { key: right.keys[0] as string, page: right };
    }
    const at = childIndex(page.keys, key);
    const child = this.#own(page.children[at] as Page<V>);
    page.children[at] = child;
    const split = this.#insert(child, key, value);
    if (split === undefined) return undefined;
    page.keys.splice(at, 0, split.key);
    page.children.splice(at + 1, 0, split.page);
    if (page.children.length <= PAGE_MAX) return undefined;
    const cut = at + 1 === page.children.length - 1 ? page.children.length - 2 : page.children.length >> 1;
    const children = page.children.splice(cut);
    const keys = page.keys.splice(cut);
    page.keys.pop();
    return { key: smallestKey(children[0] as Page<V>), page: { owner: this.#owner, children, keys, values: null } };
  }

  /** `page` is owned and holds the key. */
  #remove(page: Page<V>, key: string): void {
    if (page.children === null) {
      const at = lowerBound(page.keys, key);
      page.keys.splice(at, 1);
      page.values.splice(at, 1);
      return;
    }
    const at = childIndex(page.keys, key);
    const child = this.#own(page.children[at] as Page<V>);
    page.children[at] = child;
    this.#remove(child, key);
    if (sizeOf(child) >= PAGE_LOW || page.children.length === 1) return;
    if (at > 0 && this.#join(page, at - 1)) return;
    if (at < page.children.length - 1 && this.#join(page, at)) return;
    if (sizeOf(child) === 0) {
      page.children.splice(at, 1);
      page.keys.splice(Math.max(0, at - 1), 1);
    }
  }

  /** Joins child `at` with its right neighbour when both fit in one page. */
  #join(parent: Branch<V>, at: number): boolean {
    const right = parent.children[at + 1] as Page<V>;
    if (sizeOf(parent.children[at] as Page<V>) + sizeOf(right) > JOIN_MAX) return false;
    const left = this.#own(parent.children[at] as Page<V>);
    if (left.children === null) {
      left.keys.push(...right.keys);
      left.values.push(...(right as Leaf<V>).values);
    } else {
      left.keys.push(parent.keys[at] as string, ...right.keys);
      left.children.push(...(right as Branch<V>).children);
    }
    parent.children[at] = left;
    parent.children.splice(at + 1, 1);
    parent.keys.splice(at, 1);
    return true;
  }
}

function sizeOf<V>(page: Page<V>): number {
  return page.children === null ? page.keys.length : page.children.length;
}

/** The first position whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The child that holds `key` if any does. */
function childIndex(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function smallestKey<V>(page: Page<V>): string {
  let below = page;
  while (below.children !== null) below = below.children[0] as Page<V>;
  return below.keys[0] as string;
}

function startAt(keys: readonly string[], from: string | undefined, exclusive: boolean, reverse: boolean): number {
  if (from === undefined) return reverse ? keys.length - 1 : 0;
  const at = lowerBound(keys, from);
  const found = keys[at] === from;
  if (reverse) return found && !exclusive ? at : at - 1;
  return found && exclusive ? at + 1 : at;
}

function nextLeaf<V>(path: { readonly page: Branch<V>; at: number }[], step: number): Leaf<V> | undefined {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const here = path[depth] as { readonly page: Branch<V>; at: number };
    const next = here.at + step;
    if (next < 0 || next >= here.page.children.length) continue;
    here.at = next;
    path.length = depth + 1;
    let page = here.page.children[next] as Page<V>;
    while (page.children !== null) {
      const at = step < 0 ? page.children.length - 1 : 0;
      path.push({ page, at });
      page = page.children[at] as Page<V>;
    }
    return page;
  }
  return undefined;
}
