/**
 * A certificate, X.509 version 3 (RFC 5280): what it says is put together as ASN.1, node:crypto signs it. An authority's key may be
 * of either kind, P-256 or RSA, whoever made it. Pure but for the random serial number and the randomness of a signature.
 */
import { X509Certificate, createHash, createPublicKey, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";

const { asn1, util } = forge;
type Asn1 = forge.asn1.Asn1;

export interface Wanted {
  /** In order: attribute → text; "" is left out. */
  readonly subject: Subject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  /** May sign others. */
  readonly authority: boolean;
  /** Of those that are no authority. */
  readonly uses: readonly ("server" | "client")[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Of an authority: names below these only; none: any. */
  readonly permittedDomains: readonly string[];
  /** 128 bits, not negative; decimal is what people are shown. */
  readonly serial: bigint;
}
export type Subject = Readonly<Partial<Record<keyof typeof ATTRIBUTES, string>>>;

const ATTRIBUTES = {
  country: "2.5.4.6",
  postalCode: "2.5.4.17",
  province: "2.5.4.8",
  locality: "2.5.4.7",
  streetAddress: "2.5.4.9",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
  commonName: "2.5.4.3",
} as const;

/** The authority that signs; null: it signs itself. */
export interface Signer {
  readonly certificate: X509Certificate | null;
  readonly key: KeyObject;
}

/** PEM. */
export function signCertificate(wanted: Wanted, by: Signer): string {
  const algorithm = signatureAlgorithm(by.key);
  const subject = name(wanted.subject);
  const issuer = by.certificate === null ? null : readCertificate(by.certificate);
  const ownKeyId = keyIdentifier(wanted.publicKey);
  const body = sequence(
    context(0, [integer(2n)]),
    integer(wanted.serial),
    algorithm,
    issuer?.subject ?? subject,
    sequence(time(wanted.notBefore), time(wanted.notAfter)),
    subject,
    parse(wanted.publicKey.export({ type: "spki", format: "der" })),
    context(3, [sequence(...extensions(wanted, ownKeyId, issuer === null ? ownKeyId : issuer.keyId))]),
  );
  const signature = sign("sha256", bytes(body), by.key);
  const whole = sequence(body, algorithm, primitive(asn1.Type.BITSTRING, `\0${signature.toString("latin1")}`));
  return new X509Certificate(bytes(whole)).toString();
}

/** 127 bits: never negative, never shorter than it looks. */
export function randomSerial(): bigint {
  return (BigInt(`0x${randomBytes(16).toString("hex")}`) & ((1n << 127n) - 1n)) | (1n << 126n);
}

function extensions(wanted: Wanted, ownKeyId: Buffer, issuerKeyId: Buffer): readonly Asn1[] {
  const names = [...wanted.dnsNames.map((each) => tagged(2, each)), ...wanted.ipAddresses.map((each) => tagged(7, addressBytes(each)))];
  const uses = wanted.uses.map((each) => identifier(each === "server" ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2"));
  return [
    extension("2.5.29.19", true, wanted.authority ? sequence(primitive(asn1.Type.BOOLEAN, "\xff")) : sequence()),
    // keyCertSign and cRLSign, or digitalSignature and keyEncipherment: first bit first, and how many bits are not used.
    extension("2.5.29.15", true, primitive(asn1.Type.BITSTRING, wanted.authority ? "\x01\x86" : "\x05\xa0")),
    ...(uses.length === 0 ? [] : [extension("2.5.29.37", false, sequence(...uses))]),
    extension("2.5.29.14", false, primitive(asn1.Type.OCTETSTRING, ownKeyId.toString("latin1"))),
    extension("2.5.29.35", false, sequence(tagged(0, issuerKeyId.toString("latin1")))),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", false, sequence(...names))]),
    ...(wanted.permittedDomains.length === 0
      ? []
      : [
          extension(
            "2.5.29.30",
            true,
            sequence(
              context(
                0,
                wanted.permittedDomains.map((each) => sequence(tagged(2, each))),
              ),
            ),
          ),
        ]),
  ];
}

/** Of an authority somebody else may have made: its name byte for byte, and the identifier it gave its key. */
function readCertificate(certificate: X509Certificate): { readonly subject: Asn1; readonly keyId: Buffer } {
  const fields = (parse(certificate.raw).value as Asn1[])[0]?.value as Asn1[];
  // A version comes first in version 3, and authorities are of version 3.
  const at = fields[0]?.tagClass === asn1.Class.CONTEXT_SPECIFIC ? 1 : 0;
  const listed = fields.find((each) => each.tagClass === asn1.Class.CONTEXT_SPECIFIC && Number(each.type) === 3);
  const all = ((listed?.value as Asn1[] | undefined)?.[0]?.value ?? []) as Asn1[];
  const found = all.map((each) => each.value as Asn1[]).find((parts) => asn1.derToOid(parts[0]?.value as string) === "2.5.29.14");
  const written = found?.at(-1)?.value as string | undefined;
  const keyId =
    written === undefined
      ? keyIdentifier(certificate.publicKey)
      : Buffer.from(parse(Buffer.from(written, "latin1")).value as string, "latin1");
  return { subject: fields[at + 4] as Asn1, keyId };
}

/** RFC 5280 §4.2.1.2, method 1: of the key's bits alone. */
function keyIdentifier(key: KeyObject): Buffer {
  const bits = (
    parse(createPublicKey(key.export({ type: "spki", format: "pem" })).export({ type: "spki", format: "der" })).value as Asn1[]
  )[1];
  // forge unpacks bits that hold ASN.1 themselves; the raw ones begin with the count of bits not used.
  const raw = (bits as { bitStringContents?: string }).bitStringContents ?? (bits?.value as string);
  return createHash("sha1")
    .update(Buffer.from(raw.slice(1), "latin1"))
    .digest();
}

function signatureAlgorithm(key: KeyObject): Asn1 {
  if (key.asymmetricKeyType === "ec") return sequence(identifier("1.2.840.10045.4.3.2"));
  if (key.asymmetricKeyType === "rsa") return sequence(identifier("1.2.840.113549.1.1.11"), primitive(asn1.Type.NULL, ""));
  throw new TypeError(`no certificates are signed with a key of type ${String(key.asymmetricKeyType)}`);
}

function name(subject: Subject): Asn1 {
  const present = (Object.keys(ATTRIBUTES) as (keyof typeof ATTRIBUTES)[]).filter((each) => (subject[each] ?? "") !== "");
  return sequence(
    ...present.map((each) =>
      asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SET, true, [
        sequence(
          identifier(ATTRIBUTES[each]),
          // A country is two printable letters, everything else is text.
          primitive(each === "country" ? asn1.Type.PRINTABLESTRING : asn1.Type.UTF8, util.encodeUtf8(subject[each] as string)),
        ),
      ]),
    ),
  );
}

/** Two digits of the year up to 2049, four after: RFC 5280 §4.1.2.5. */
function time(date: Date): Asn1 {
  return date.getUTCFullYear() < 2050
    ? primitive(asn1.Type.UTCTIME, asn1.dateToUtcTime(date) as unknown as string)
    : primitive(asn1.Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date) as unknown as string);
}

function addressBytes(address: string): string {
  if (isIP(address) === 4) return String.fromCharCode(...address.split(".").map(Number));
  // Not in its types.
  const packed = (util as unknown as { bytesFromIP(text: string): string | null }).bytesFromIP(address);
  if (packed === null) throw new TypeError(`no IP address: ${JSON.stringify(address)}`);
  return packed;
}

const parse = (der: Uint8Array): Asn1 => asn1.fromDer(util.createBuffer(Buffer.from(der).toString("latin1")));
const bytes = (value: Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), "latin1");
const sequence = (...parts: readonly Asn1[]): Asn1 => asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [...parts]);
const primitive = (type: forge.asn1.Type, value: string): Asn1 => asn1.create(asn1.Class.UNIVERSAL, type, false, value);
const context = (tag: number, parts: readonly Asn1[]): Asn1 =>
  asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, true, [...parts]);
const tagged = (tag: number, value: string): Asn1 => asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, false, value);
const identifier = (text: string): Asn1 => primitive(asn1.Type.OID, asn1.oidToDer(text).getBytes());
function integer(value: bigint): Asn1 {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return primitive(asn1.Type.INTEGER, Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, "hex").toString("latin1"));
}
function extension(oid: string, critical: boolean, value: Asn1): Asn1 {
  const flag = critical ? [primitive(asn1.Type.BOOLEAN, "\xff")] : [];
  return sequence(identifier(oid), ...flag, primitive(asn1.Type.OCTETSTRING, asn1.toDer(value).getBytes()));
}
