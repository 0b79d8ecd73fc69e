/** `sockaddr`: the node's addresses, by go-sockaddr's usual words. Its language of filters (`GetAllInterfaces | include …`) is not there. */
import { isIPv4 } from "node:net";
import type { NodeAddress } from "../contract.ts";
import { fail, takesMany } from "./declare.ts";

const PRIVATE_V4 = /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/;
const LOCAL_V4 = /^(?:127\.|169\.254\.|0\.)/;

const isPrivate = (address: string): boolean => (isIPv4(address) ? PRIVATE_V4.test(address) : /^f[cd]/i.test(address));
const isLocal = (address: string): boolean => (isIPv4(address) ? LOCAL_V4.test(address) : /^(?:::1?$|fe[89ab])/i.test(address));
/** IPv4 first, else as the system lists them. */
const sorted = (addresses: readonly NodeAddress[]): string[] =>
  addresses.map(({ address }) => address).toSorted((a, b) => Number(isIPv4(b)) - Number(isIPv4(a)));

const WORDS: Readonly<Record<string, (addresses: readonly NodeAddress[], name: string) => readonly string[]>> = {
  GetPrivateIPs: (all) => sorted(all).filter((address) => isPrivate(address)),
  GetPublicIPs: (all) => sorted(all).filter((address) => !isPrivate(address) && !isLocal(address)),
  GetInterfaceIPs: (all, name) => sorted(all.filter((each) => each.interface === name && !isLocal(each.address))),
};

export const sockaddr = takesMany(["string"], 0, (args: readonly string[], { addresses }) => {
  const match = /^\s*(Get(?:Private|Public|Interface)IP)(s?)\s*(?:"([^"]*)"|`([^`]*)`|(\S+))?\s*$/.exec(args.join(" "));
  const [, word = "", many, ...names] = match ?? [];
  const name = names.find((each) => each !== undefined) ?? "";
  if (match === null || (name !== "") !== word.startsWith("GetInterface")) {
    return fail('sockaddr: it knows GetPrivateIP, GetPublicIP, GetInterfaceIP "NAME", and each with an s for all');
  }
  const found = WORDS[`${word}s`]?.(addresses, name) ?? [];
  return many === "s" ? found.join(" ") : (found[0] ?? "");
});
