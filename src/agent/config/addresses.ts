/** Addresses as an operator writes them: literal, or one of the few go-sockaddr templates people use. Pure. */
import { isIP } from "node:net";

/** One address of one interface of this machine. */
export interface NetworkAddress {
  readonly interface: string;
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly loopback: boolean;
}

export interface AddressProblem {
  readonly problem: string;
  readonly detail: string;
}

/** `{{ GetInterfaceIP "eth0" }}` → the address; plain text stays. */
export function expandAddress(text: string, addresses: readonly NetworkAddress[]): string | AddressProblem {
  const match = /\{\{\s*(\w+)(?:\s+"([^"]*)")?\s*\}\}/.exec(text);
  if (match === null) {
    if (text.includes("{{")) return unreadable(text);
    return text;
  }
  const usable = addresses.filter((each) => each.family === "IPv4" && !each.loopback);
  const found = {
    GetInterfaceIP: () => addresses.find((each) => each.interface === match[2] && each.family === "IPv4"),
    GetPrivateIP: () => usable.find((each) => isPrivate(each.address)),
    GetPublicIP: () => usable.find((each) => !isPrivate(each.address)),
  }[match[1] as string];
  if (found === undefined) return unreadable(text);
  const address = found()?.address;
  if (address === undefined) {
    const known = [...new Set(addresses.map((each) => each.interface))].join(", ");
    return { problem: `No address for ${match[0]}`, detail: `This machine has the interfaces ${known || "(none)"}.` };
  }
  return expandAddress(text.replace(match[0], address), addresses);
}

function unreadable(text: string): AddressProblem {
  return {
    problem: `Cannot read the address template ${JSON.stringify(text)}`,
    detail: 'Known are {{ GetPrivateIP }}, {{ GetPublicIP }} and {{ GetInterfaceIP "eth0" }}; or write the address itself.',
  };
}

export function isLoopback(address: string): boolean {
  return /^127\.|^\[?::1\]?$|^localhost$|^unix:/.test(address);
}

export function isUnspecified(address: string): boolean {
  return address === "0.0.0.0" || address === "::" || address === "[::]";
}

/** What others reach this machine by when it listens everywhere: a private address first. */
export function preferredAddress(addresses: readonly NetworkAddress[]): string {
  const usable = addresses.filter((each) => !each.loopback && isIP(each.address) === 4);
  return (usable.find((each) => isPrivate(each.address)) ?? usable[0])?.address ?? "127.0.0.1";
}

function isPrivate(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(address);
}
