/** Who may work at the same time: one at a time for each name. */
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
