/** Of which domains an authority may sign names: its name constraints (RFC 5280, 4.2.1.10), which node:crypto does not show. */
import type { X509Certificate } from "node:crypto";

/** 2.5.29.30 as DER. */
const NAME_CONSTRAINTS = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x1e]);
const [OCTET_STRING, PERMITTED, DNS_NAME] = [0x04, 0xa0, 0x82];

interface Part {
  readonly tag: number;
  readonly content: Buffer;
}

/** [] for none. */
export function permittedDomains(certificate: Pick<X509Certificate, "raw">): readonly string[] {
  const at = certificate.raw.indexOf(NAME_CONSTRAINTS);
  if (at < 0) return [];
  const value = partsOf(certificate.raw.subarray(at + NAME_CONSTRAINTS.length)).find(({ tag }) => tag === OCTET_STRING);
  const [constraints] = value === undefined ? [] : partsOf(value.content);
  const permitted = constraints === undefined ? undefined : partsOf(constraints.content).find(({ tag }) => tag === PERMITTED);
  return permitted === undefined
    ? []
    : partsOf(permitted.content)
        .flatMap((subtree) => partsOf(subtree.content).slice(0, 1))
        .filter(({ tag }) => tag === DNS_NAME)
        .map(({ content }) => content.toString("latin1"));
}

/** One after the other; what is cut off ends it. */
function partsOf(bytes: Buffer): readonly Part[] {
  const parts: Part[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const first = bytes.readUInt8(at + 1);
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if (lengthBytes > 4 || at + 2 + lengthBytes > bytes.length) break;
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    const begin = at + 2 + lengthBytes;
    if (begin + length > bytes.length) break;
    parts.push({ tag: bytes.readUInt8(at), content: bytes.subarray(begin, begin + length) });
    at = begin + length;
  }
  return parts;
}
