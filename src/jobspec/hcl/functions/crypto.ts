/** Hashes and secrets. */
import { constants, createHash, privateDecrypt } from "node:crypto";
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";

const hash = (algorithm: string) => define(["str: string"], (text: string) => createHash(algorithm).update(text, "utf8").digest("hex"));

export const CRYPTO: FunctionTable = new Map([
  [
    "bcrypt",
    define(
      ["str: string"],
      () => {
        throw new FunctionFailure("not available in this version");
      },
      "cost: number",
    ),
  ],
  ["md5", hash("md5")],
  ["rsadecrypt", define(["ciphertext: string", "privatekey: string"], decryptRsa)],
  ["sha1", hash("sha1")],
  ["sha256", hash("sha256")],
  ["sha512", hash("sha512")],
]);

/** The messages name no part of the key or the text. */
function decryptRsa(ciphertext: string, key: string): string {
  let plain: Buffer;
  try {
    plain = privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(ciphertext, "base64"));
  } catch {
    throw new FunctionFailure("cannot decrypt: wrong key, no PEM key without passphrase, or no base64 ciphertext");
  }
  return plain.toString("utf8");
}
