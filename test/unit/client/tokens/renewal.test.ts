import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createMemoryTokenExchange } from "#integrations/memory";
import type { IdentityRequest } from "#model";
import type { TokenExchange } from "#ports";
import { NamedError } from "#std";
import { WorkloadTokens } from "../../../../src/client/tokens/book.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";
import { createSeededRandom } from "../../../simulation/random.ts";
import { allocationId, SECOND } from "../stage.ts";
import { memoryStore } from "./memory-store.ts";

const forever = new AbortController().signal;
const TASK: IdentityRequest = { AllocationID: allocationId("a"), Workload: { Kind: "task", Task: "main" }, Identity: "vault_default" };

/** A system whose tokens live for `lifeMs`, may be renewed, but no longer than `mostMs` in all. */
function createWorld(how: { readonly lifeMs: number; readonly mostMs: number; readonly mayRunOut?: boolean }) {
  const clock = createSimulatedClock();
  const inner = createMemoryTokenExchange({ clock, random: createSeededRandom(7) });
  const ends = new Map<string, { readonly at: number; readonly last: number }>();
  const counts = { renewed: 0, exchanged: 0 };
  const world = { refusesRenewal: false, unreachable: false };
  const reach = () => {
    if (world.unreachable) throw new NamedError("TOKEN_UNREACHABLE", "sealed");
  };
  const alive = (secret: string) => (ends.get(secret)?.at ?? 0) > clock.nowMs() && inner.tokens.has(secret);
  const exchange: TokenExchange = {
    exchange: async (request) => {
      reach();
      counts.exchanged++;
      const made = await inner.exchange(request);
      const now = clock.nowMs();
      ends.set(made.SecretID, { at: now + how.lifeMs, last: now + how.mostMs });
      return { ...made, expiresAtMs: now + how.lifeMs, renewable: true };
    },
    renew: async (secret) => {
      reach();
      if (world.refusesRenewal || !alive(secret)) throw new NamedError("TOKEN_REFUSED", "no");
      counts.renewed++;
      const { last } = ends.get(secret) as { last: number };
      const at = Math.min(clock.nowMs() + how.lifeMs, last);
      ends.set(secret, { at, last });
      return { expiresAtMs: at, renewable: true };
    },
    revoke: async (secret) => {
      reach();
      await inner.revoke(secret);
    },
    known: async (secret) => {
      reach();
      return alive(secret);
    },
  };
  const facts = new Map<string, string>();
  const replaced: string[] = [];
  const book = (living: boolean) => {
    const made = new WorkloadTokens({
      system: "Vault",
      prefix: "vault-token/",
      exchange,
      identities: { fresh: async () => ({ jwt: "jwt", expiresAt: 0 }) },
      store: memoryStore(facts),
      clock,
      random: createSeededRandom(8),
      report: () => {},
      mayRunOut: () => how.mayRunOut === true,
    });
    made.subscribe((_request, token) => replaced.push(token));
    made.restore(new Set(living ? [TASK.AllocationID] : []));
    return made;
  };
  return { clock, counts, world, facts, replaced, book, inner, alive };
}

describe("tokens that can be renewed", () => {
  test("are, at two thirds of what is left, and stay the same; nobody hears of it", async () => {
    const { clock, counts, book, replaced, alive } = createWorld({ lifeMs: 60 * SECOND, mostMs: 1e9 });
    const tokens = book(false);
    const secret = await tokens.token(TASK, forever);
    await clock.advance(3600 * SECOND);
    assert.equal(await tokens.token(TASK, forever), secret);
    assert.ok(alive(secret) && counts.renewed >= 85 && counts.renewed <= 92, String(counts.renewed));
    assert.deepEqual([counts.exchanged, replaced], [1, []]);
  });

  test("near their longest life, or when it is refused, are replaced before they end", async () => {
    for (const refuses of [false, true]) {
      const { clock, counts, world, book, replaced, alive } = createWorld({ lifeMs: 60 * SECOND, mostMs: refuses ? 1e9 : 200 * SECOND });
      const tokens = book(false);
      const first = await tokens.token(TASK, forever);
      world.refusesRenewal = refuses;
      let lived = true;
      for (let second = 0; second < 300; second++) {
        await clock.advance(SECOND);
        lived &&= alive(await tokens.token(TASK, forever));
      }
      assert.ok(lived, "at every moment");
      assert.ok(replaced.length >= 1 && replaced.length <= (refuses ? 8 : 3) && !replaced.includes(first), String(replaced.length));
      assert.equal(counts.exchanged, replaced.length + 1);
    }
  });

  test("a system that is sealed meanwhile takes nothing; the same one is renewed after", async () => {
    const { clock, counts, world, book } = createWorld({ lifeMs: 60 * SECOND, mostMs: 1e9 });
    const tokens = book(false);
    const secret = await tokens.token(TASK, forever);
    world.unreachable = true;
    await clock.advance(50 * SECOND);
    world.unreachable = false;
    await clock.advance(100 * SECOND);
    assert.deepEqual([await tokens.token(TASK, forever), counts.exchanged], [secret, 1]);
  });

  test("is renewed on by the next agent", async () => {
    const { clock, counts, book, alive } = createWorld({ lifeMs: 60 * SECOND, mostMs: 1e9 });
    const secret = await book(false).token(TASK, forever);
    const second = book(true);
    await clock.advance(600 * SECOND);
    assert.deepEqual([await second.token(TASK, forever), counts.exchanged, alive(secret)], [secret, 1, true]);
  });

  test("one that may run out does: neither renewed nor looked at; who asks later gets another", async () => {
    const { clock, counts, book, alive } = createWorld({ lifeMs: 60 * SECOND, mostMs: 1e9, mayRunOut: true });
    const tokens = book(false);
    const secret = await tokens.token(TASK, forever);
    await clock.advance(300 * SECOND);
    assert.deepEqual([counts, alive(secret)], [{ renewed: 0, exchanged: 1 }, false]);
    assert.notEqual(await tokens.token(TASK, forever), secret);
  });
});
