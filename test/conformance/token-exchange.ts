/**
 * The contract of src/ports/token-exchange.ts, for every maker.
 *
 * `fresh` makes an exchange, a JWT that it takes, and one that it must refuse; `list` names the descriptions of the tokens that live in the
 * system itself (not in the maker's mind); `cut` puts it out of reach (undefined: the maker cannot show that here).
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TokenExchange } from "#ports";

export interface ExchangeUnderTest {
  readonly exchange: TokenExchange;
  readonly jwt: string;
  readonly badJwt: string;
  /** Of a system that knows of a workload only what stands in its JWT: one of that allocation. */
  readonly jwtFor?: (allocation: string) => string;
  /** What each living token that came from this exchange says of itself, as one text. */
  list(): Promise<readonly string[]>;
  readonly cut?: () => Promise<void>;
  close(): Promise<void>;
}

export function tokenExchangeConformance(maker: string, fresh: () => Promise<ExchangeUnderTest>): void {
  describe(`a token exchange: ${maker}`, () => {
    const within = (name: string, story: (under: ExchangeUnderTest) => Promise<void>) =>
      test(name, async () => {
        const under = await fresh();
        try {
          await story(under);
        } finally {
          await under.close();
        }
      });
    const described = (allocation: string) => ({ kind: "task" as const, description: { allocation, task: "main" } });

    within("each exchange makes one token, that names its workload and is known", async ({ exchange, jwt, jwtFor = () => jwt, list }) => {
      const one = await exchange.exchange({ jwt: jwtFor("first-allocation"), ...described("first-allocation") });
      const two = await exchange.exchange({ jwt: jwtFor("second-allocation"), ...described("second-allocation") });
      assert.notEqual(one.SecretID, two.SecretID);
      assert.notEqual(one.AccessorID, two.AccessorID);
      assert.notEqual(one.AccessorID, one.SecretID);
      assert.ok(one.AccessorID !== "" && one.SecretID !== "");
      assert.ok(one.expiresAtMs === null || one.expiresAtMs > 0);
      assert.deepEqual([await exchange.known(one.SecretID), await exchange.known(two.SecretID)], [true, true]);
      const told = await list();
      assert.equal(told.length, 2, told.join("\n"));
      for (const allocation of ["first-allocation", "second-allocation"]) {
        assert.ok(
          told.some((each) => each.includes(allocation) && each.includes("main")),
          told.join("\n"),
        );
      }
    });

    within("what was given back is not known any more; giving it back twice, or what never was, is fine", async (under) => {
      const { exchange, jwt } = under;
      const token = await exchange.exchange({ jwt, ...described("a") });
      await exchange.revoke(token.SecretID);
      assert.equal(await exchange.known(token.SecretID), false);
      await exchange.revoke(token.SecretID);
      await exchange.revoke("00000000-1111-4222-8333-444444444444");
      assert.equal(await exchange.known("00000000-1111-4222-8333-444444444444"), false);
      assert.deepEqual(await under.list(), []);
    });

    within("a token that can be renewed lives on as the same; one that was given back is not renewed", async (under) => {
      const { exchange, jwt } = under;
      if (exchange.renew === undefined) return;
      const token = await exchange.exchange({ jwt, ...described("a") });
      assert.equal(token.renewable, true);
      const { expiresAtMs, renewable } = await exchange.renew(token.SecretID);
      assert.ok(renewable && expiresAtMs !== null && token.expiresAtMs !== null && expiresAtMs >= token.expiresAtMs - 1_000);
      assert.equal(await exchange.known(token.SecretID), true);
      await exchange.revoke(token.SecretID);
      await assert.rejects(exchange.renew(token.SecretID), { code: "TOKEN_REFUSED" });
    });

    within("refuses a JWT it does not believe, without saying it, and makes nothing", async ({ exchange, badJwt, list }) => {
      await assert.rejects(exchange.exchange({ jwt: badJwt, ...described("a") }), (thrown: Error & { code?: string }) => {
        assert.equal(thrown.code, "TOKEN_REFUSED");
        assert.ok(badJwt === "" || !thrown.message.includes(badJwt));
        return true;
      });
      assert.deepEqual(await list(), []);
    });

    within("says of a system that cannot be reached that it should be tried again, and no secret", async ({ exchange, jwt, cut }) => {
      if (cut === undefined) return;
      const token = await exchange.exchange({ jwt, ...described("a") });
      await cut();
      const calls = [exchange.exchange({ jwt, ...described("b") }), exchange.revoke(token.SecretID), exchange.known(token.SecretID)];
      for (const settled of await Promise.allSettled(calls)) {
        assert.equal(settled.status, "rejected");
        const thrown = settled.reason as Error & { code?: string };
        assert.equal(thrown.code, "TOKEN_UNREACHABLE");
        assert.ok(!thrown.message.includes(token.SecretID) && !thrown.message.includes(jwt));
      }
    });
  });
}
