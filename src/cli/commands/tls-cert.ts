/** `drover tls cert create`, `drover tls cert info`: certificates of servers, nodes and people. nomad.md §4.3. */
import { type KeyObject, type X509Certificate, generateKeyPairSync } from "node:crypto";
import { isIP } from "node:net";
import { NamedError } from "#std";
import type { Command, Context } from "../command.ts";
import { type ParsedFlags, UsageError } from "../flags.ts";
import { noArguments, onlyArgument } from "../only-argument.ts";
import { certificateTable } from "../render/certificate.ts";
import { assertDnsName, assertDomain, days } from "../certificates/words.ts";

const DAYS = 365;
const KINDS = ["server", "client", "cli"] as const;
type Kind = (typeof KINDS)[number];

export const tlsCertCreate: Command = {
  usage: "tls cert create [options]",
  about:
    "Makes a certificate and its key, signed by the authority `drover tls ca create` made: of a server (-server), of a node's agent " +
    "(-client), or of a person at the command line (-cli). They are written into this folder; files that are there are left alone.",
  connects: false,
  flags: {
    server: { kind: "boolean", about: "For a server: global-server-nomad.pem. Whoever has it can speak as any server of the region" },
    client: { kind: "boolean", about: "For the agent of a node: global-client-nomad.pem" },
    cli: { kind: "boolean", about: "For the command line: global-cli-nomad.pem" },
    ca: { kind: "text", value: "path", about: "The authority's certificate. Default: nomad-agent-ca.pem" },
    key: { kind: "text", value: "path", about: "The authority's key. Default: nomad-agent-ca-key.pem" },
    days: { kind: "whole", value: "days", about: `How long it is valid. Default: ${DAYS}` },
    region: { kind: "text", value: "region", about: "The region; it is part of the name that is shown. Default: global" },
    "cluster-region": { kind: "text", value: "region", about: "The same, by its old name" },
    domain: { kind: "text", value: "domain", about: "The domain of the name. Agents ask for nomad, the default" },
    "additional-dnsname": { kind: "list", value: "name", about: "Another name it is valid for, besides localhost; may be repeated" },
    "additional-ipaddress": {
      kind: "list",
      value: "address",
      about: "Another address it is valid for, besides 127.0.0.1; may be repeated",
    },
  },
  async run(context) {
    noArguments(context);
    const { flags, terminal } = context;
    const kind = kindOf(flags);
    const domain = assertDomain("-domain", flags.text("domain") ?? "nomad");
    const region = assertDomain("-region", flags.text("region") ?? flags.text("cluster-region") ?? "global");
    const dnsNames = flags.list("additional-dnsname").map((each) => assertDnsName("-additional-dnsname", each));
    const addresses = flags.list("additional-ipaddress");
    for (const each of addresses)
      if (isIP(each) === 0) throw new UsageError(`-additional-ipaddress is ${JSON.stringify(each)}, must be an IP address`);
    const validMs = days(flags, DAYS);
    const { assertFree, writePair } = await import("../certificates/pair-files.ts");
    const { randomSerial, signCertificate } = await import("../certificates/sign.ts");
    const prefix = `${region}-${kind}-${domain}`;
    const files = { certificate: `${prefix}.pem`, key: `${prefix}-key.pem` };
    const from = { certificate: flags.text("ca") ?? `${domain}-agent-ca.pem`, key: flags.text("key") ?? `${domain}-agent-ca-key.pem` };
    const authority = await readAuthority(from, context.nowMs());
    assertFree(files);
    if (kind === "server") warnOfServers(context);
    terminal.print(`==> Using CA file ${from.certificate} and CA key ${from.key}`);
    if (domain !== "nomad")
      terminal.complain(
        `==> WARNING: agents ask for ${kind}.${region}.nomad: with the domain ${domain}, tls { rpc = true } does not take this one`,
      );
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const nowMs = context.nowMs();
    const endMs = Math.min(nowMs + validMs, authority.certificate.validToDate.getTime());
    if (endMs < nowMs + validMs) terminal.complain(`==> WARNING: it ends with its authority, at ${new Date(endMs).toISOString()}`);
    const own = `${kind}.${region}.${domain}`;
    const certificate = signCertificate(
      {
        subject: { commonName: own },
        notBefore: new Date(Math.max(nowMs, authority.certificate.validFromDate.getTime())),
        notAfter: new Date(endMs),
        publicKey,
        authority: false,
        // Servers call each other; the agent of a node answers HTTPS.
        uses: kind === "cli" ? ["client"] : ["server", "client"],
        dnsNames: [...new Set([own, "localhost", ...dnsNames])],
        ipAddresses: [...new Set([...(kind === "cli" ? [] : ["127.0.0.1"]), ...addresses])],
        permittedDomains: [],
        serial: randomSerial(),
      },
      authority,
    );
    writePair(files, certificate, privateKey);
    const shown = kind[0]?.toUpperCase() + kind.slice(1);
    terminal.print(`==> ${shown} Certificate saved to ${files.certificate}`);
    terminal.print(`==> ${shown} Certificate key saved to ${files.key}`);
    return 0;
  },
};

function kindOf(flags: ParsedFlags): Kind {
  const given = KINDS.filter((each) => flags.flag(each));
  if (given.length !== 1) throw new UsageError("Give one of -server, -client and -cli");
  return given[0] as Kind;
}

function warnOfServers({ terminal }: Context): void {
  terminal.complain(
    [
      "==> WARNING: whoever has a server's certificate can become a server and read everything",
      "    in the cluster, its keys and its tokens too. Copy it to servers only, and keep it as",
      "    safe as the authority's key.",
    ].join("\n"),
  );
}

/** The two that belong together and may sign now. */
async function readAuthority(
  files: { readonly certificate: string; readonly key: string },
  nowMs: number,
): Promise<{ readonly certificate: X509Certificate; readonly key: KeyObject }> {
  const { readCertificateFile, readKeyFile } = await import("../certificates/pair-files.ts");
  const fix = "Make an authority with `drover tls ca create`, or name its files with -ca and -key.";
  const certificate = readCertificateFile(files.certificate, fix);
  const key = readKeyFile(files.key, fix);
  const refuse = (why: string) =>
    new NamedError("TLS_AUTHORITY_UNFIT", `Cannot sign with ${JSON.stringify(files.certificate)}: ${why}`, { fix });
  if (!certificate.ca) throw refuse("it is no authority's certificate");
  if (!certificate.checkPrivateKey(key)) throw refuse(`${JSON.stringify(files.key)} is not its key`);
  if (key.asymmetricKeyType !== "ec" && key.asymmetricKeyType !== "rsa")
    throw refuse(`its key is of type ${String(key.asymmetricKeyType)}, must be RSA or elliptic`);
  if (certificate.validToDate.getTime() <= nowMs) throw refuse(`it ended at ${certificate.validToDate.toISOString()}`);
  return { certificate, key };
}

export const tlsCertInfo: Command = {
  usage: "tls cert info <file>",
  about: "Shows what a certificate says.",
  connects: false,
  flags: {},
  async run(context) {
    const file = onlyArgument(context, "<file>");
    const { readCertificateFile } = await import("../certificates/pair-files.ts");
    context.terminal.print(certificateTable(readCertificateFile(file), context.nowMs()));
    return 0;
  },
};
