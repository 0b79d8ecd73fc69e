/** A certificate and its key on disk: both or none, the key for its owner only, nothing ever overwritten. */
import { X509Certificate, createPrivateKey, type KeyObject } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { NamedError, messageOf } from "#std";

export interface PairFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Throws TLS_FILE_EXISTS before anything is made. */
export function assertFree(files: PairFiles): void {
  for (const file of [files.certificate, files.key]) {
    if (existsSync(file))
      throw new NamedError("TLS_FILE_EXISTS", `Cannot write ${JSON.stringify(file)}: it already exists`, {
        fix: "Certificates and keys are not overwritten: move it away first, or work in another folder.",
      });
  }
}

export function writePair(files: PairFiles, certificate: string, key: KeyObject): void {
  const text = key.export(key.asymmetricKeyType === "ec" ? { type: "sec1", format: "pem" } : { type: "pkcs8", format: "pem" }) as string;
  write(files.key, text, 0o600);
  try {
    write(files.certificate, certificate, 0o644);
  } catch (thrown) {
    rmSync(files.key, { force: true });
    throw thrown;
  }
}

function write(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { flag: "wx", mode });
  } catch (thrown) {
    throw new NamedError("TLS_FILE_UNWRITABLE", `Cannot write ${JSON.stringify(file)}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** The first certificate of a PEM file. Throws TLS_FILE_UNREADABLE. */
export function readCertificateFile(file: string, fix?: string): X509Certificate {
  return parsed(file, "a certificate in PEM", (text) => new X509Certificate(text), fix);
}

/** Throws TLS_FILE_UNREADABLE. */
export function readKeyFile(file: string, fix?: string): KeyObject {
  return parsed(file, "a private key in PEM without a passphrase", (text) => createPrivateKey(text), fix);
}

function parsed<T>(file: string, what: string, parse: (text: string) => T, fix: string | undefined): T {
  const failed = (why: string, more: string | undefined) =>
    new NamedError("TLS_FILE_UNREADABLE", `Cannot read ${JSON.stringify(file)}: ${why}`, more === undefined ? {} : { fix: more });
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (thrown) {
    throw failed((thrown as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : messageOf(thrown), fix);
  }
  try {
    return parse(text);
  } catch {
    // The parser's own words may quote what is in the file, and that may be a key.
    throw failed(`it must hold ${what}`, undefined);
  }
}
