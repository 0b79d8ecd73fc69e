/** A certificate, and an authority, as people ask about one. nomad.md §4.3. */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { table } from "./columns.ts";

export function certificateTable(certificate: X509Certificate, nowMs: number): string {
  const names = (certificate.subjectAltName ?? "").split(", ");
  const of = (kind: string) => names.filter((each) => each.startsWith(`${kind}:`)).map((each) => short(each.slice(kind.length + 1)));
  return table([
    ...identity(certificate, nowMs),
    ["DNS Names", `[${of("DNS").join(" ")}]`],
    ["IP Addresses", `[${of("IP Address").join(" ")}]`],
  ]);
}

/** `permittedDomains`: of its name constraints. */
export function authorityTable(certificate: X509Certificate, permittedDomains: readonly string[], nowMs: number): string {
  return table([...identity(certificate, nowMs), ["Permitted DNS Domains", `[${permittedDomains.join(" ")}]`]]);
}

function identity(certificate: X509Certificate, nowMs: number): [string, string][] {
  const ends = certificate.validToDate;
  const issuer = new Map(
    certificate.issuer.split("\n").map((each) => [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)]),
  );
  return [
    ["Serial Number", BigInt(`0x${certificate.serialNumber}`).toString()],
    ["Issuer CN", issuer.get("CN") ?? ""],
    ["Common Name", certificate.subject.replaceAll("\n", ",")],
    ["Expiry Date", `${ends.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC${ends.getTime() < nowMs ? " (expired)" : ""}`],
  ];
}

/** OpenSSL writes every group of an IPv6 address. */
function short(text: string): string {
  return isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
}
