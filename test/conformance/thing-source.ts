/**
 * The contract of src/ports/thing-source.ts, for every maker.
 *
 * `fresh` gives a source, a thing that can be written, and what is known of the system's tokens. What a maker cannot show it leaves undefined.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Lease, Thing, ThingSource } from "#ports";

export interface SourceUnderTest {
  readonly source: ThingSource;
  /** Not there until it is written. */
  readonly thing: Thing;
  /** In the system itself, not through the source; undefined takes it away. Resolves when a read may see it. */
  write(text: string | undefined): Promise<void>;
  /** What `read` must answer after write(text). */
  expected(text: string): unknown;
  /** Part of the whole value is enough (a maker adds ids and times). */
  readonly loosely?: boolean;
  readonly token: string;
  /** Known, and may not read the thing. */
  readonly poorToken?: string;
  /** Never known, or revoked. */
  readonly deadToken?: string;
  /** Reads of it make credentials with a lease of the system's. */
  readonly leased?: {
    readonly thing: Thing;
    /** Leases of it that live in the system. */
    living(): Promise<number>;
  };
  /** Can never be right; undefined: there is nothing of the kind. */
  readonly invalid?: Thing;
  /** Puts it out of reach; undefined: the maker cannot show that here. */
  readonly cut?: () => Promise<void>;
  close(): Promise<void>;
}

export function thingSourceConformance(maker: string, fresh: () => Promise<SourceUnderTest>): void {
  describe(`a source of things: ${maker}`, () => {
    const within = (name: string, story: (under: SourceUnderTest) => Promise<void>) =>
      test(name, async () => {
        const under = await fresh();
        try {
          await story(under);
        } finally {
          await under.close();
        }
      });
    const read = (under: SourceUnderTest, after = "", signal = AbortSignal.timeout(90_000), token = under.token, thing = under.thing) =>
      under.source.read(thing, { token, after, signal });
    const same = (under: SourceUnderTest, actual: unknown, text: string) => {
      if (under.loosely === true) assert.partialDeepStrictEqual(actual, under.expected(text));
      else assert.deepEqual(actual, under.expected(text));
    };

    within("nothing there is an answer, and so is what came there and went again", async (under) => {
      assert.equal((await read(under)).value, undefined);
      await under.write("one");
      const there = await read(under);
      same(under, there.value, "one");
      assert.equal(there.private, false);
      assert.equal(there.lease, null);
      await under.write(undefined);
      assert.equal((await read(under)).value, undefined);
    });

    within("what waits hears of a change, of nothing it knows, and of what changed before it asked", async (under) => {
      await under.write("one");
      const first = await read(under);
      if (first.index === "") {
        assert.ok(first.againMs !== null && first.againMs > 0, "a system that cannot wait says when to look again");
        return;
      }
      let answered = false;
      const waiting = read(under, first.index).then((reading) => {
        answered = true;
        return reading;
      });
      await new Promise<void>((resolve) => void setTimeout(resolve, 300));
      assert.equal(answered, false, "it answered though nothing is different");
      await under.write("two");
      const second = await waiting;
      // It may say the same once more, but not forever.
      const changed = JSON.stringify(second.value) === JSON.stringify(first.value) ? await read(under, second.index) : second;
      same(under, changed.value, "two");
      assert.notEqual(changed.index, first.index);
      same(under, (await read(under, first.index)).value, "two");
    });

    within("an index it never gave holds nobody up for long", async (under) => {
      await under.write("one");
      const { index } = await read(under);
      if (index === "") return;
      same(under, (await read(under, /^\d+$/.test(index) ? "1" : "nonsense")).value, "one");
    });

    within("one that is not waited for any more ends at once", async (under) => {
      await under.write("one");
      const { index } = await read(under);
      if (index === "") return;
      const gone = new AbortController();
      const waiting = read(under, index, gone.signal);
      waiting.catch(() => undefined);
      await new Promise<void>((resolve) => void setTimeout(resolve, 100));
      gone.abort(new Error("gone"));
      await assert.rejects(waiting);
      await assert.rejects(read(under, "", gone.signal));
    });

    const refusal = async (under: SourceUnderTest, token: string, codes: readonly string[]) => {
      await under.write("a-secret-value");
      await assert.rejects(read(under, "", undefined, token), (thrown: Error & { code?: string; fix?: string }) => {
        assert.ok(codes.includes(thrown.code ?? ""), `${thrown.code}: ${thrown.message}`);
        for (const secret of [token, under.token, "a-secret-value"])
          assert.ok(secret === "" || !`${thrown.message} ${thrown.fix}`.includes(secret));
        return true;
      });
    };
    within("tells a token that may not from one that is not known, and says no secret", async (under) => {
      if (under.poorToken !== undefined) await refusal(under, under.poorToken, ["THING_DENIED"]);
      if (under.deadToken !== undefined) await refusal(under, under.deadToken, ["THING_TOKEN_UNKNOWN"]);
    });

    within("what never can be right is refused as that", async (under) => {
      if (under.invalid === undefined) return;
      await assert.rejects(read(under, "", undefined, under.token, under.invalid), { code: "THING_INVALID" });
    });

    within("credentials are made for each who asks, renewed, and given back once and for all", async (under) => {
      const { leased, source, token } = under;
      if (leased === undefined) return;
      const ask = () => read(under, "", undefined, token, leased.thing);
      const [one, two] = [await ask(), await ask()];
      assert.ok(one.private && two.private);
      assert.notDeepEqual(one.value, two.value);
      const leases = [one.lease, two.lease] as readonly [Lease, Lease];
      assert.ok(leases.every((lease) => lease.id !== "" && lease.durationMs > 0));
      assert.notEqual(leases[0].id, leases[1].id);
      assert.equal(await leased.living(), 2);
      if (leases[0].renewable) {
        const renewed = await source.renew(leases[0], token);
        assert.equal(renewed.id, leases[0].id);
        assert.ok(renewed.durationMs > 0);
      }
      await source.revoke(leases[0].id, token);
      assert.equal(await leased.living(), 1);
      await source.revoke(leases[0].id, token);
      await assert.rejects(source.renew(leases[0], token), { code: "THING_INVALID" });
      await source.revoke(leases[1].id, token);
      assert.equal(await leased.living(), 0);
    });

    within("says of a system that cannot be reached that it should be tried again, and no secret", async (under) => {
      if (under.cut === undefined) return;
      await under.write("a-secret-value");
      const { index } = await read(under);
      await under.cut();
      const calls = [read(under), ...(index === "" ? [] : [read(under, index)]), under.source.revoke("no/such/lease", under.token)];
      for (const [number, settled] of (await Promise.allSettled(calls)).entries()) {
        // A system without leases has nothing to be asked.
        if (settled.status === "fulfilled" && number === calls.length - 1 && under.leased === undefined) continue;
        assert.equal(settled.status, "rejected");
        const thrown = settled.reason as Error & { code?: string };
        assert.equal(thrown.code, "THING_UNREACHABLE", thrown.message);
        assert.ok(under.token === "" || !thrown.message.includes(under.token));
      }
    });
  });
}
