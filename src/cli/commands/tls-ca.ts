/** `drover tls ca create`, `drover tls ca info`: an authority of one's own for a cluster. nomad.md §4.3. */
import { generateKeyPairSync } from "node:crypto";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { onlyArgument } from "../only-argument.ts";
import { authorityTable } from "../render/certificate.ts";
import { assertDomain, days } from "../certificates/words.ts";

const DAYS = 5 * 365;

export const tlsCaCreate: Command = {
  usage: "tls ca create [options]",
  about:
    "Makes an authority that certificates of agents and people are signed with: nomad-agent-ca.pem, which every agent is given, and " +
    "nomad-agent-ca-key.pem, which nobody is given: whoever has it can speak as any server. Files that are there are left alone.",
  connects: false,
  flags: {
    days: { kind: "whole", value: "days", about: `How long it is valid. Default: ${DAYS}` },
    domain: { kind: "text", value: "domain", about: "The domain of its names, and the first part of the files' names. Default: nomad" },
    "name-constraint": { kind: "boolean", about: "It may sign names below -domain and -additional-domain, and localhost, only" },
    "additional-domain": { kind: "list", value: "domain", about: "Another domain it may sign, with -name-constraint; may be repeated" },
    "common-name": { kind: "text", value: "name", about: "Its name. Default: Nomad Agent CA, and its number" },
    country: { kind: "text", value: "code", about: "Two letters" },
    "postal-code": { kind: "text", value: "code", about: "Of its subject" },
    province: { kind: "text", value: "name", about: "Of its subject" },
    locality: { kind: "text", value: "name", about: "Of its subject" },
    "street-address": { kind: "text", value: "address", about: "Of its subject" },
    organization: { kind: "text", value: "name", about: "Of its subject" },
    "organizational-unit": { kind: "text", value: "name", about: "Of its subject" },
  },
  async run(context) {
    const { flags, terminal } = context;
    const domain = assertDomain("-domain", flags.text("domain") ?? "nomad");
    const more = flags.list("additional-domain").map((each) => assertDomain("-additional-domain", each));
    const constrained = flags.flag("name-constraint");
    if (more.length > 0 && !constrained) throw new UsageError("-additional-domain says what -name-constraint allows: give both");
    const country = flags.text("country") ?? "";
    if (country !== "" && !/^[A-Za-z]{2}$/.test(country))
      throw new UsageError(`-country is ${JSON.stringify(country)}, must be two letters`);
    const validMs = days(flags, DAYS);
    const { assertFree, writePair } = await import("../certificates/pair-files.ts");
    const { randomSerial, signCertificate } = await import("../certificates/sign.ts");
    const files = { certificate: `${domain}-agent-ca.pem`, key: `${domain}-agent-ca-key.pem` };
    assertFree(files);
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const serial = randomSerial();
    const nowMs = context.nowMs();
    const certificate = signCertificate(
      {
        subject: {
          country: country.toUpperCase(),
          postalCode: flags.text("postal-code") ?? "",
          province: flags.text("province") ?? "",
          locality: flags.text("locality") ?? "",
          streetAddress: flags.text("street-address") ?? "",
          organization: flags.text("organization") ?? "",
          organizationalUnit: flags.text("organizational-unit") ?? "",
          commonName: flags.text("common-name") ?? `Nomad Agent CA ${serial}`,
        },
        notBefore: new Date(nowMs),
        notAfter: new Date(nowMs + validMs),
        publicKey,
        authority: true,
        uses: [],
        dnsNames: [],
        ipAddresses: [],
        permittedDomains: constrained ? [...new Set(["localhost", domain, ...more])] : [],
        serial,
      },
      { certificate: null, key: privateKey },
    );
    writePair(files, certificate, privateKey);
    terminal.print(`==> CA Certificate saved to: ${files.certificate}`);
    terminal.print(`==> CA Certificate key saved to: ${files.key}`);
    return 0;
  },
};

export const tlsCaInfo: Command = {
  usage: "tls ca info <file>",
  about: "Shows what an authority's certificate says.",
  connects: false,
  flags: {},
  async run(context) {
    const file = onlyArgument(context, "<file>");
    const { readCertificateFile } = await import("../certificates/pair-files.ts");
    const { permittedDomains } = await import("../certificates/permitted-domains.ts");
    const certificate = readCertificateFile(file);
    context.terminal.print(authorityTable(certificate, permittedDomains(certificate), context.nowMs()));
    return 0;
  },
};
