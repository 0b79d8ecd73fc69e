/** What is written at once is cut to what one entry of the log may hold: below 1 MB, whatever somebody asks for (F21). */
import type { DesiredTransition, Evaluation } from "#model";
import { commit, type ServerContext } from "./context.ts";

/** In order, each part of no more weight than `most`, or of one item. */
export function parts<Item>(items: readonly Item[], most: number, weightOf: (item: Item) => number = () => 1): Item[][] {
  const result: Item[][] = [];
  let weight = Infinity;
  for (const item of items) {
    const own = weightOf(item);
    if (weight + own > most) {
      result.push([]);
      weight = 0;
    }
    result.at(-1)?.push(item);
    weight += own;
  }
  return result;
}

/** Some 60 bytes each. */
const TRANSITIONS_PER_COMMAND_MAX = 5_000;

/** The evaluations are stored with the last of them. Resolves with the index of that; without transitions the evaluations alone are. */
export async function commitTransitions(
  context: ServerContext,
  transitions: readonly (readonly [allocationId: string, asked: DesiredTransition])[],
  evaluations: readonly Evaluation[],
): Promise<number> {
  const cut = parts(transitions, TRANSITIONS_PER_COMMAND_MAX);
  const last = cut.pop();
  if (last === undefined) return commit(context, { type: "evaluations-upsert", Evaluations: evaluations });
  for (const part of cut) {
    await commit(context, { type: "allocations-desired-transition", Transitions: Object.fromEntries(part), Evaluations: [] });
  }
  return commit(context, { type: "allocations-desired-transition", Transitions: Object.fromEntries(last), Evaluations: evaluations });
}
