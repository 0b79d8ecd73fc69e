/**
 * OIDC's `state`: what a login that went out to its provider brings back. It is signed with the keyring, so that any server knows it again without
 * having kept anything, and PKCE's verifier is made of it. Bound to the method, the redirect address and the client's nonce.
 *
 *   <key id>.<unix seconds it ends>.<random>.<signature>
 */
import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { loginRefused } from "../errors.ts";
import type { AccessParts } from "../parts.ts";

const GOOD_FOR_S = 600;

export interface LoginState {
  readonly text: string;
  /** PKCE: told to the provider at the end only. */
  readonly verifier: string;
  /** base64url of its SHA-256: told at the start. */
  readonly challenge: string;
}

export interface Going {
  readonly method: string;
  readonly redirectUri: string;
  readonly clientNonce: string;
}

export interface LoginStates {
  make(going: Going): Promise<LoginState>;
  /** Rejects with ACL_LOGIN_REFUSED: made up, for another login, or too late. */
  read(text: string, going: Going): Promise<LoginState>;
}

export function createLoginStates({ keys, clock }: Pick<AccessParts, "keys" | "clock">): LoginStates {
  const own = randomBytes(32);

  async function secretOf(keyId: string): Promise<Buffer> {
    if (keys === undefined || keyId === "own") return own;
    const { sealSecret } = await keys.opened(keyId);
    return Buffer.from(hkdfSync("sha256", sealSecret, "", "drover login state", 32));
  }

  function sign(secret: Buffer, what: string, parts: readonly string[]): string {
    return createHmac("sha256", secret)
      .update(JSON.stringify([what, ...parts]))
      .digest("base64url");
  }

  function stateOf(secret: Buffer, head: string, { method, redirectUri, clientNonce }: Going): LoginState {
    const text = `${head}.${sign(secret, "state", [head, method, redirectUri, clientNonce])}`;
    const verifier = sign(secret, "verifier", [text]);
    return { text, verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
  }

  return {
    async make(going) {
      const id = keys === undefined ? "own" : (await keys.signing()).id;
      const head = `${id}.${Math.floor(clock.nowMs() / 1000) + GOOD_FOR_S}.${randomBytes(16).toString("base64url")}`;
      return stateOf(await secretOf(id), head, going);
    },
    async read(text, going) {
      const [id = "", until = "", random = "", ...rest] = text.split(".");
      if (rest.length !== 1 || !/^\d{1,12}$/.test(until)) throw loginRefused("the state is not one of ours");
      const secret = await secretOf(id).catch((thrown: unknown) => {
        throw loginRefused("the state is not one of ours", thrown);
      });
      const expected = stateOf(secret, `${id}.${until}.${random}`, going);
      const [given, wanted] = [Buffer.from(text), Buffer.from(expected.text)];
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw loginRefused("the state is not one of this login's");
      if (Number(until) * 1000 < clock.nowMs()) throw loginRefused("it took too long: start again");
      return expected;
    },
  };
}
