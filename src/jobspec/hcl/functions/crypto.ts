/** Hashes and secrets. */
import { constants, createHash, privateDecrypt } from "node:crypto";
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";
import { loadBcrypt } from "./packages.ts";

const hash = (algorithm: string) => define(["str: string"], (text: string) => createHash(algorithm).update(text, "utf8").digest("hex"));

/** bcrypt's work, 2^cost each, that one file may ask for: about a second. A server reads other people's files. */
const WORK_MAX = 2 ** 14;
const COST_DEFAULT = 10;
/** bcrypt reads no further. */
const PASSWORD_BYTES_MAX = 72;

/** The functions for one file: they share what work it may ask for. */
export function cryptoFunctions(): FunctionTable {
  let work = 0;
  const bcrypt = (password: string, ...more: number[]): string => {
    const [given] = more;
    if (more.length > 1) throw new FunctionFailure(`wants 1 or 2 arguments (str, cost), got ${more.length + 1}`);
    if (given !== undefined && (!Number.isInteger(given) || given > 31))
      throw new FunctionFailure("cost must be a whole number up to 31", 1);
    if (Buffer.byteLength(password) > PASSWORD_BYTES_MAX)
      throw new FunctionFailure(`the text is longer than ${PASSWORD_BYTES_MAX} bytes`, 0);
    // A cost too low to mean anything is taken for none.
    const cost = given === undefined || given < 4 ? COST_DEFAULT : given;
    work += 2 ** cost;
    if (work > WORK_MAX) throw new FunctionFailure("too much work for one file: use a lower cost, or hash the text beforehand", 1);
    return loadBcrypt().hashSync(password, cost);
  };
  return new Map([
    ["bcrypt", define(["str: string"], bcrypt, "cost: number")],
    ["md5", hash("md5")],
    ["rsadecrypt", define(["ciphertext: string", "privatekey: string"], decryptRsa)],
    ["sha1", hash("sha1")],
    ["sha256", hash("sha256")],
    ["sha512", hash("sha512")],
  ]);
}

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
