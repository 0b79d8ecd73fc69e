/** tls { ca_file, cert_file, key_file }: there, readable, what they say they are, of one pair, and made for this kind of agent. Asked at start and at every reload. */
import { X509Certificate, createPrivateKey, type KeyObject } from "node:crypto";
import { roleObjection } from "#model";
import { messageOf } from "#std";
import type { ConfigDisk } from "./config-disk.ts";
import type { Config } from "./config.ts";
import { type Settings, problemAt } from "./settings.ts";

/** Problems, rendered with their places. Nothing of a key is in them. */
export function checkTlsFiles(
  { tls, server, region }: Pick<Config, "tls" | "server" | "region">,
  settings: Settings,
  disk: Pick<ConfigDisk, "read">,
): readonly string[] {
  if (!tls.http && !tls.rpc) return [];
  const problems: string[] = [];
  const problem = (key: string, summary: string, detail = "") => {
    problems.push(problemAt(settings.get(`tls.${key}`)?.origin, summary, detail));
  };
  const read = <T>(key: string, file: string, parse: (text: string) => T, what: string): T | null => {
    if (file === "") return null;
    let text: string;
    try {
      text = disk.read(file);
    } catch (thrown) {
      problem(key, `tls.${key} ${JSON.stringify(file)} cannot be read: ${messageOf(thrown)}`);
      return null;
    }
    try {
      return parse(text);
    } catch {
      const other = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1];
      problem(
        key,
        `tls.${key} ${JSON.stringify(file)} holds ${other === undefined ? "no PEM" : `a ${other.toLowerCase()}`}, must hold ${what}`,
      );
      return null;
    }
  };
  read("ca_file", tls.caFile, certificatesIn, "certificates of authorities in PEM");
  const certificate = read("cert_file", tls.certFile, certificatesIn, "a certificate in PEM")?.[0];
  const key = read("key_file", tls.keyFile, (text): KeyObject => createPrivateKey(text), "a private key in PEM without a passphrase");
  if (certificate !== undefined && key !== null && !certificate.checkPrivateKey(key))
    problem(
      "key_file",
      `tls.key_file ${JSON.stringify(tls.keyFile)} is not the key of tls.cert_file ${JSON.stringify(tls.certFile)}`,
      "Name the two files that were made together.",
    );
  if (certificate !== undefined && tls.rpc) {
    // As who it connects to will see it, and refuse it then.
    const objection = roleObjection(certificate, { region }, server.enabled ? ["server"] : ["client", "server"], tls.verifyServerHostname);
    if (objection !== undefined)
      problem(
        "cert_file",
        `tls.cert_file ${JSON.stringify(tls.certFile)} is of another kind of agent: ${objection.message}`,
        objection.fix,
      );
  }
  return problems;
}

/** Throws where there is none, or one that cannot be read. */
function certificatesIn(text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error("no certificate");
  return blocks.map((each) => new X509Certificate(each));
}
