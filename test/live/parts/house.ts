/** An authority of a test's own, and certificates of it with the dates and names that are wanted; files in a folder the caller removes. */
import { generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomSerial, signCertificate } from "../../../src/cli/certificates/sign.ts";

export interface House {
  /** Of the authority. */
  readonly file: string;
  readonly text: string;
  issue(who: string, names: HouseNames): HouseCertificate;
}

export interface HouseNames {
  readonly dns: readonly string[];
  readonly addresses?: readonly string[];
  /** Days from now that it ends (default 365); negative: it has ended. */
  readonly days?: number;
}

/** Paths. */
export interface HouseCertificate {
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;

export function openHouse(folder: string, name: string): House {
  mkdirSync(folder, { recursive: true });
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const sign = (who: string, publicKey: KeyObject, authority: boolean, { dns, addresses = [], days = 365 }: HouseNames): string =>
    signCertificate(
      {
        subject: { commonName: who },
        notBefore: new Date(Date.now() - 400 * DAY_MS),
        notAfter: new Date(Date.now() + days * DAY_MS),
        publicKey,
        authority,
        uses: authority ? [] : ["server", "client"],
        dnsNames: dns,
        ipAddresses: addresses,
        permittedDomains: [],
        serial: randomSerial(),
      },
      { certificate: authority ? null : new X509Certificate(text), key: keys.privateKey },
    );
  const text: string = sign(name, keys.publicKey, true, { dns: [] });
  const file = join(folder, `${name}.pem`);
  writeFileSync(file, text);
  return {
    file,
    text,
    issue(who, names) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const at = join(folder, `${name}-${who}`);
      writeFileSync(`${at}.pem`, sign(who, own.publicKey, false, names));
      writeFileSync(`${at}-key.pem`, own.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
      return { cert: `${at}.pem`, key: `${at}-key.pem` };
    },
  };
}

/** What is in files now, under other names: an agent reads it again when it is told to. */
export function putInPlace(from: HouseCertificate, to: HouseCertificate): void {
  writeFileSync(to.cert, readFileSync(from.cert));
  writeFileSync(to.key, readFileSync(from.key));
}
