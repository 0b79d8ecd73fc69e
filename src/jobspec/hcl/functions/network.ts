/** Functions on IP address ranges (CIDR prefixes), IPv4 and IPv6. */
import { isIPv4, isIPv6 } from "node:net";
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";

export const NETWORK: FunctionTable = new Map([
  ["cidrhost", define(["prefix: string", "hostnum: number"], hostOf)],
  ["cidrnetmask", define(["prefix: string"], netmaskOf)],
  ["cidrsubnet", define(["prefix: string", "newbits: number", "netnum: number"], subnetOf)],
  ["cidrsubnets", define(["prefix: string"], subnetsOf, "newbits: number")],
]);

interface Prefix {
  readonly address: bigint;
  readonly length: number;
  /** 32 or 128. */
  readonly bits: number;
}

function readPrefix(text: string): Prefix {
  const [address = "", length = ""] = text.split("/");
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  if (bits === 0 || !/^\d{1,3}$/.test(length) || Number(length) > bits || text.split("/").length !== 2) {
    throw new FunctionFailure(`invalid CIDR expression: ${JSON.stringify(text)} (like 10.0.0.0/8)`, 0);
  }
  const all = (1n << BigInt(bits)) - 1n;
  const mask = all ^ ((1n << BigInt(bits - Number(length))) - 1n);
  return { address: readAddress(address, bits) & mask, length: Number(length), bits };
}

function readAddress(text: string, bits: number): bigint {
  if (bits === 32) return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
  const [plain = ""] = text.split("%");
  const dotted = plain.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a, b, c, d) => `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`,
  );
  const [head = "", tail] = dotted.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function writeAddress(address: bigint, bits: number): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((address >> BigInt(112 - index * 16)) & 0xffffn).toString(16));
  const runs = [...groups.join(":").matchAll(/(?:^|:)(0(?::0)+)(?=:|$)/g)].map((match) => match[1] as string);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return groups.join(":");
  const text = `:${groups.join(":")}:`;
  return text
    .replace(`:${longest}:`, "::")
    .replace(/^:(?!:)/, "")
    .replace(/([^:]):$/, "$1");
}

function hostOf(text: string, number: number): string {
  const prefix = readPrefix(text);
  const room = 1n << BigInt(prefix.bits - prefix.length);
  if (!Number.isInteger(number)) throw new FunctionFailure("hostnum must be a whole number", 1);
  const host = number < 0 ? room + BigInt(number) : BigInt(number);
  if (host < 0n || host >= room) {
    throw new FunctionFailure(`prefix of ${prefix.length} does not accommodate a host numbered ${number}`, 1);
  }
  return writeAddress(prefix.address | host, prefix.bits);
}

function netmaskOf(text: string): string {
  const prefix = readPrefix(text);
  const all = (1n << BigInt(prefix.bits)) - 1n;
  return writeAddress(all ^ ((1n << BigInt(prefix.bits - prefix.length)) - 1n), prefix.bits);
}

function subnetOf(text: string, newBits: number, number: number): string {
  const prefix = readPrefix(text);
  const length = prefix.length + bitsOf(newBits, 1);
  if (length > prefix.bits)
    throw new FunctionFailure(`not enough remaining address space for a subnet with a prefix of ${length} bits after ${text}`, 1);
  if (!Number.isInteger(number) || number < 0 || BigInt(number) >= 1n << BigInt(newBits)) {
    throw new FunctionFailure(`prefix extension of ${newBits} does not accommodate a subnet numbered ${number}`, 2);
  }
  return `${writeAddress(prefix.address | (BigInt(number) << BigInt(prefix.bits - length)), prefix.bits)}/${length}`;
}

/** Consecutive subnets, each at the next address where it fits. */
function subnetsOf(text: string, ...newBits: number[]): string[] {
  const prefix = readPrefix(text);
  let next = prefix.address;
  const end = prefix.address + (1n << BigInt(prefix.bits - prefix.length));
  return newBits.map((bits, index) => {
    const length = prefix.length + bitsOf(bits, index + 1);
    if (bits < 1 || length > prefix.bits) throw new FunctionFailure(`cannot extend the prefix by ${bits} bits`, index + 1);
    const size = 1n << BigInt(prefix.bits - length);
    const start = ((next + size - 1n) / size) * size;
    if (start + size > end)
      throw new FunctionFailure(`not enough remaining address space for a subnet with a prefix of ${length} bits`, index + 1);
    next = start + size;
    return `${writeAddress(start, prefix.bits)}/${length}`;
  });
}

function bitsOf(value: number, argument: number): number {
  if (!Number.isInteger(value) || value < 0 || value > 128)
    throw new FunctionFailure("newbits must be a whole number from 0 to 128", argument);
  return value;
}
