/** The servers' signing keys, as a test plays them: signs identities, and answers the public half as JWKS over HTTP. */
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { PartOwner } from "./process.ts";

export interface WorkloadKeys {
  /** http://127.0.0.1:…/.well-known/jwks.json */
  readonly jwksUrl: string;
  /** A JWT of these claims, which lives for an hour unless they say otherwise. */
  sign(claims: Readonly<Record<string, unknown>>, algorithm?: "EdDSA" | "RS256"): string;
  /** Nobody answers at the URL any more. */
  close(): Promise<void>;
}

export async function workloadKeys(owner: PartOwner): Promise<WorkloadKeys> {
  const pairs = {
    EdDSA: { kid: randomUUID(), ...generateKeyPairSync("ed25519") },
    RS256: { kid: randomUUID(), ...generateKeyPairSync("rsa", { modulusLength: 2048 }) },
  };
  const keys = Object.entries(pairs).map(([alg, { kid, publicKey }]) => ({ ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" }));
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  owner.after(close);
  return {
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`,
    sign: (claims, algorithm = "EdDSA") => signed(claims, algorithm, pairs[algorithm].kid, pairs[algorithm].privateKey),
    close,
  };
}

function signed(claims: Readonly<Record<string, unknown>>, alg: "EdDSA" | "RS256", kid: string, key: KeyObject): string {
  const now = Math.floor(Date.now() / 1000);
  const whole = {
    aud: ["consul.io"],
    sub: "global:default:web:web:web:consul",
    iat: now,
    nbf: now,
    exp: now + 3600,
    jti: randomUUID(),
    ...claims,
  };
  const text = [{ alg, kid, typ: "JWT" }, whole].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${sign(alg === "RS256" ? "sha256" : null, Buffer.from(text), key).toString("base64url")}`;
}
