/** CAs and certificates, made with openssl in a folder that goes with the test. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LinkTls } from "#integrations/link";

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

export interface House {
  authority(name: string): Buffer;
  /** By that authority; believing it. `past`: it expired yesterday. */
  issue(by: string, name: string, options?: { readonly past?: boolean; readonly region?: string; readonly verify?: boolean }): LinkTls;
  remove(): void;
}

export function openHouse(): House {
  const folder = mkdtempSync(join(tmpdir(), "drover-link-tls-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const read = (name: string) => readFileSync(join(folder, name));
  let made = 0;
  return {
    authority(name) {
      openssl("req", "-x509", ...KEY, "-keyout", `${name}.key`, "-out", `${name}.pem`, "-days", "2", "-subj", `/CN=${name}`);
      return read(`${name}.pem`);
    },
    issue(by, name, { past = false, region = "global", verify = true } = {}) {
      const at = `issued-${++made}`;
      const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
      openssl("req", ...KEY, "-keyout", `${at}.key`, "-out", "request.pem", ...subject);
      // The least openssl 3.0's x509 can do about the past.
      const days = past ? ["-days", "-1"] : ["-days", "2"];
      const signed = ["-CA", `${by}.pem`, "-CAkey", `${by}.key`, "-CAcreateserial", "-copy_extensions", "copy"];
      openssl("x509", "-req", "-in", "request.pem", ...signed, "-out", `${at}.pem`, ...days);
      return { ca: read(`${by}.pem`), cert: read(`${at}.pem`), key: read(`${at}.key`), region, verifyServerHostname: verify };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
