/** An authority of the test's own and certificates of it, made by openssl. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Authority {
  /** Files. */
  readonly certificate: string;
  /** PEM. */
  readonly text: string;
  /** `names` as openssl takes them: "DNS:localhost,IP:127.0.0.1". For servers and clients, a day long. */
  issue(name: string, names: string): { readonly certificate: string; readonly key: string };
}

const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** In `folder`, which the caller removes. */
export function makeAuthority(folder: string, name = "ca"): Authority {
  mkdirSync(folder, { recursive: true });
  const file = (last: string): string => join(folder, last);
  const openssl = (...words: string[]): void => void execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });
  openssl("req", "-x509", ...CURVE, "-days", "1", "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.pem`);
  return {
    certificate: file(`${name}.pem`),
    text: readFileSync(file(`${name}.pem`), "utf8"),
    issue(who, names) {
      writeFileSync(file(`${who}.ext`), `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
      openssl("req", ...CURVE, "-subj", `/CN=${who}`, "-keyout", `${who}.key`, "-out", `${who}.csr`);
      const by = ["-CA", `${name}.pem`, "-CAkey", `${name}.key`, "-CAcreateserial", "-days", "1", "-extfile", `${who}.ext`];
      openssl("x509", "-req", "-in", `${who}.csr`, ...by, "-out", `${who}.pem`);
      return { certificate: file(`${who}.pem`), key: file(`${who}.key`) };
    },
  };
}
