/** Who may work at the same time: one at a time for each name, and so many altogether. */
export interface Turns {
  take<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export function turnsByName(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    take(name, work) {
      const turn = (last.get(name) ?? Promise.resolve()).then(work, work);
      const settled = turn.then(
        () => {},
        () => {},
      );
      last.set(name, settled);
      void settled.then(() => {
        if (last.get(name) === settled) last.delete(name);
      });
      return turn;
    },
  };
}

export interface Lanes {
  enter<T>(work: () => Promise<T>): Promise<T>;
}

/** In the order of coming. */
export function lanes(count: number): Lanes {
  const waiting: (() => void)[] = [];
  let free = count;
  return {
    async enter(work) {
      if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      else free--;
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free++;
        else next();
      }
    },
  };
}
