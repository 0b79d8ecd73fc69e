/** What is remembered of tasks and turns whose allocations are not here any more is forgotten. (The servers end a turn by themselves.) */
import type { FactStore } from "../sealed-facts.ts";

const PREFIXES = ["told/", "turn/"];

export function forgetStrangers(facts: Pick<FactStore, "facts" | "removeFact">, here: { has(id: string): boolean }): void {
  for (const prefix of PREFIXES) {
    for (const name of facts.facts(prefix).keys()) {
      const [id = ""] = name.slice(prefix.length).split("/");
      if (!here.has(id)) facts.removeFact(name);
    }
  }
}
