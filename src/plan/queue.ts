/**
 * Who is next: highest priority first, first come first within one. A binary heap; both operations take log2(n) steps.
 * nomad.md §6.7.
 */
export interface PlanQueue<T> {
  readonly size: number;
  push(priority: number, item: T): void;
  /** Undefined when empty. */
  pop(): T | undefined;
}

interface Entry<T> {
  readonly priority: number;
  readonly arrival: number;
  readonly item: T;
}

export function planQueue<T>(): PlanQueue<T> {
  const heap: Entry<T>[] = [];
  let arrivals = 0;

  const precedes = (a: number, b: number): boolean => {
    const left = heap[a] as Entry<T>;
    const right = heap[b] as Entry<T>;
    return left.priority !== right.priority ? left.priority > right.priority : left.arrival < right.arrival;
  };
  const swap = (a: number, b: number): void => {
    const kept = heap[a] as Entry<T>;
    heap[a] = heap[b] as Entry<T>;
    heap[b] = kept;
  };
  const sink = (from: number): void => {
    for (let at = from; ;) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < heap.length && precedes(child, first)) first = child;
      if (first === at) return;
      swap(at, first);
      at = first;
    }
  };

  return {
    get size() {
      return heap.length;
    },
    push(priority, item) {
      heap.push({ priority, arrival: arrivals++, item });
      for (let at = heap.length - 1; at > 0 && precedes(at, (at - 1) >> 1); at = (at - 1) >> 1) swap(at, (at - 1) >> 1);
    },
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined) return undefined;
      if (heap.length > 0) {
        heap[0] = last;
        sink(0);
      }
      return first.item;
    },
  };
}
