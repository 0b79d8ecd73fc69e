/** What is remembered of tasks whose allocations are not here any more is forgotten. */
import type { FactStore } from "../sealed-facts.ts";

const PREFIX = "told/";

export function forgetStrangers(facts: FactStore, here: ReadonlySet<string>): void {
  for (const name of facts.facts(PREFIX).keys()) {
    const [id = ""] = name.slice(PREFIX.length).split("/");
    if (!here.has(id)) facts.removeFact(name);
  }
}
