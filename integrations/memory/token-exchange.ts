/**
 * Tokens for JWTs, from a book in this process: for tests and simulations. It can be out of reach, refuse, and forget tokens as a system does
 * that was wiped; those that have lived their time are forgotten by themselves.
 */
import type { Clock, ExchangedToken, Random, TokenExchange } from "#ports";
import { NamedError } from "#std";

export interface MemoryTokenExchange extends TokenExchange {
  reachable: boolean;
  /** Why no JWT is taken; undefined: they are. */
  refusal: string | undefined;
  /** What an operator has yet to make there; undefined: all is. */
  lacks: string | undefined;
  /** Called when a token was made, before it is answered. */
  made: (token: ExchangedToken) => void;
  /** Those that live, by secret. */
  readonly tokens: ReadonlyMap<string, ExchangedToken & { readonly description: Readonly<Record<string, string>>; readonly jwt: string }>;
  /** Every token ever made. */
  readonly minted: number;
  /** As an operator deletes one (all: the system lost its data). */
  forget(secret?: string): void;
}

export function createMemoryTokenExchange(how: {
  readonly clock: Clock;
  readonly random: Random;
  /** null: they live until they are revoked. */
  readonly lifeMs?: number | null;
  readonly delayMs?: number;
}): MemoryTokenExchange {
  const { clock, random, lifeMs = null, delayMs = 0 } = how;
  const tokens = new Map<string, ExchangedToken & { description: Readonly<Record<string, string>>; jwt: string }>();
  let minted = 0;
  const arrive = async () => {
    if (delayMs > 0) await clock.sleep(delayMs);
    if (!exchange.reachable) throw new NamedError("TOKEN_UNREACHABLE", "Cannot reach the token exchange: it does not answer");
    for (const [secret, { expiresAtMs }] of tokens) if (expiresAtMs !== null && expiresAtMs <= clock.nowMs()) tokens.delete(secret);
  };
  const exchange: MemoryTokenExchange = {
    reachable: true,
    refusal: undefined,
    lacks: undefined,
    made: () => {},
    tokens,
    get minted() {
      return minted;
    },
    async exchange({ jwt, description }) {
      await arrive();
      if (exchange.lacks !== undefined)
        throw new NamedError("TOKEN_UNPREPARED", `Cannot exchange an identity: ${exchange.lacks}`, { fix: "Prepare it." });
      if (exchange.refusal !== undefined || jwt === "") {
        throw new NamedError("TOKEN_REFUSED", `Cannot exchange an identity: ${exchange.refusal ?? "it is empty"}`, { statusCode: 403 });
      }
      minted++;
      const token: ExchangedToken = {
        AccessorID: random.uuid(),
        SecretID: random.uuid(),
        expiresAtMs: lifeMs === null ? null : clock.nowMs() + lifeMs,
      };
      tokens.set(token.SecretID, { ...token, description, jwt });
      exchange.made(token);
      return token;
    },
    async revoke(secret) {
      await arrive();
      tokens.delete(secret);
    },
    async known(secret) {
      await arrive();
      return tokens.has(secret);
    },
    forget(secret) {
      if (secret === undefined) tokens.clear();
      else tokens.delete(secret);
    },
  };
  return exchange;
}
