// A provider of identities in small: writes the configuration of an auth method, and the token of one person.
import { generateKeyPairSync, sign } from "node:crypto";
import { writeFileSync } from "node:fs";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
writeFileSync(
  "method.json",
  JSON.stringify({
    JWTValidationPubKeys: [publicKey.export({ type: "spki", format: "pem" })],
    BoundAudiences: ["drover"],
    ClaimMappings: { sub: "user" },
    ListClaimMappings: { groups: "groups" },
  }),
);
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = Math.floor(Date.now() / 1000);
const text = `${part({ alg: "RS256", typ: "JWT" })}.${part({ sub: "ana", aud: "drover", groups: ["readers"], iat: now, exp: now + 600 })}`;
writeFileSync("ana.jwt", `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}\n`);
