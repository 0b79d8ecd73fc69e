/** The facts of a node's memory, in a map that outlives the agent. `alive` false: it was killed, and writes nothing any more. */
import type { ClientStore } from "#ports";

export function memoryStore(facts: Map<string, string>, alive: () => boolean = () => true): ClientStore {
  const nothing = () => {};
  return {
    lost: undefined,
    identity: () => undefined,
    saveIdentity: nothing,
    allocations: () => [],
    saveAllocation: nothing,
    saveProgress: nothing,
    removeAllocation: nothing,
    close: nothing,
    fact: (name) => (facts.has(name) ? (JSON.parse(facts.get(name) as string) as unknown) : undefined),
    saveFact: (name, value) => {
      if (alive()) facts.set(name, JSON.stringify(value));
    },
    facts: (prefix) => new Map([...facts].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name, JSON.parse(value)])),
    removeFact: (name) => {
      if (alive()) facts.delete(name);
    },
  };
}
