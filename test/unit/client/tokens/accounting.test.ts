/**
 * The books are kept, whatever happens: agents that die at any moment, an exchange that cannot be reached, is slow, refuses, forgets, tokens that
 * run out, workloads that come and go. Afterwards nothing is left in the exchange but what was made for an agent that was dead when the answer
 * came (and that its own life ends).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createMemoryTokenExchange } from "#integrations/memory";
import type { AllocationId, IdentityRequest } from "#model";
import type { TokenExchange } from "#ports";
import { WorkloadTokens } from "../../../../src/client/tokens/book.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";
import { createSeededRandom } from "../../../simulation/random.ts";
import { testScale } from "../../../scale.ts";
import { allocationId, SECOND } from "../stage.ts";
import { memoryStore } from "./memory-store.ts";

const LETTERS = ["a", "b", "c"] as const;

type Move =
  | { readonly what: "use"; readonly letter: string; readonly kind: "task" | "service" }
  | { readonly what: "gone" | "over" | "forgotten"; readonly letter: string; readonly kind: "task" | "service" }
  | { readonly what: "crash" | "restart" | "away" | "back" | "refuse" | "wipe" }
  | { readonly what: "wait"; readonly ms: number };

const letter = fc.constantFrom(...LETTERS);
const kind = fc.constantFrom("task" as const, "service" as const);
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant("use" as const), letter, kind }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom("gone" as const, "over" as const, "forgotten" as const), letter, kind }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom("crash" as const, "restart" as const, "away" as const, "back" as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom("refuse" as const, "wipe" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant("wait" as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 60_000 })),
    }),
  },
);

test("every token that an agent heard of is given back in the end, whatever happens in between", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { minLength: 5, maxLength: 40 }),
      fc.constantFrom(0, 1, 700),
      fc.constantFrom(null, 30_000),
      fc.integer({ min: 1, max: 1e6 }),
      tell,
    ),
    { numRuns: 60 * testScale() },
  );
});

async function tell(moves: readonly Move[], delayMs: number, lifeMs: number | null, seed: number): Promise<void> {
  const clock = createSimulatedClock();
  const exchange = createMemoryTokenExchange({ clock, random: createSeededRandom(seed), delayMs, lifeMs });
  const facts = new Map<string, string>();
  const lost = new Set<string>();
  /** Allocations that live on this node: known to whoever starts next. */
  const living = new Set<AllocationId>();
  let agent: { readonly book: WorkloadTokens; alive: boolean };
  const start = () => {
    const life = { alive: true };
    const book = new WorkloadTokens({
      system: "Consul",
      prefix: "consul-token/",
      exchange: mortal(exchange, life, lost),
      identities: { fresh: async () => ({ jwt: "jwt", expiresAt: 0 }) },
      store: memoryStore(facts, () => life.alive),
      clock: { ...clock, after: (ms, run) => clock.after(ms, () => life.alive && run()) },
      random: createSeededRandom(seed + 1),
      report: () => {},
    });
    book.restore(living);
    agent = Object.assign(life, { book });
  };
  start();
  const perform = async (each: Move): Promise<void> => {
    switch (each.what) {
      case "use":
        living.add(allocationId(each.letter));
        agent.book.token(requestOf(each), new AbortController().signal).catch(() => undefined);
        return clock.settle();
      case "gone":
        return agent.book.gone(requestOf(each));
      case "over":
        // Revoked first, forgotten after, as an allocation's steps do.
        agent.book.revoke(allocationId(each.letter));
        return void living.delete(allocationId(each.letter));
      case "forgotten":
        // The next agent does not find it: what it held belongs to nobody.
        agent.alive = false;
        living.delete(allocationId(each.letter));
        return start();
      case "crash":
        agent.alive = false;
        return start();
      case "restart":
        await Promise.all([agent.book.close(), clock.advance(5 * SECOND)]);
        agent.alive = false;
        return start();
      case "away":
        return void (exchange.reachable = false);
      case "back":
        exchange.refusal = undefined;
        return void (exchange.reachable = true);
      case "refuse":
        return void (exchange.refusal = "not configured");
      case "wipe":
        return exchange.forget();
      case "wait":
        await clock.advance(each.ms);
        // One held token for each workload at most.
        return assert.ok(agent.book.counts.held <= LETTERS.length * 2);
    }
  };
  for (const each of moves) await perform(each);
  for (const each of LETTERS) if (living.has(allocationId(each))) await perform({ what: "over", letter: each, kind: "task" });
  await perform({ what: "back" });
  await clock.advance(90 * SECOND);
  const left = [...exchange.tokens.values()].filter(
    (token) => !lost.has(token.SecretID) && (token.expiresAtMs ?? Infinity) > clock.nowMs(),
  );
  assert.deepEqual(left, [], "tokens are left");
  assert.equal(facts.size, 0, "tokens are remembered that are no more");
  assert.deepEqual(agent!.book.counts, { allocations: 0, held: 0, returning: 0 });
}

function requestOf({ letter: of, kind: Kind }: { readonly letter: string; readonly kind: "task" | "service" }): IdentityRequest {
  const Workload = Kind === "task" ? { Kind, Task: "main" } : { Kind, Service: "web", Task: "" };
  return { AllocationID: allocationId(of), Workload, Identity: "consul_default" };
}

/** After death nothing leaves the agent and nothing reaches it; what was made for it meanwhile is lost. */
function mortal(exchange: TokenExchange, life: { readonly alive: boolean }, lost: Set<string>): TokenExchange {
  const never = () => new Promise<never>(() => {});
  const guard = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
    if (!life.alive) return never();
    try {
      const answer = await call();
      return life.alive ? answer : never();
    } catch (thrown) {
      if (life.alive) throw thrown;
      return never();
    }
  };
  return {
    exchange: (request) =>
      guard(async () => {
        const made = await exchange.exchange(request);
        if (!life.alive) lost.add(made.SecretID);
        return made;
      }),
    revoke: (secret) => guard(() => exchange.revoke(secret)),
    known: (secret) => guard(() => exchange.known(secret)),
  };
}
