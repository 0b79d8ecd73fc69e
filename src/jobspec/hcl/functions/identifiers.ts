/** Identifiers: random, or computed from a name. */
import { createHash } from "node:crypto";
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";

/** The namespaces of RFC 4122 that have a word. */
const NAMESPACES: Readonly<Record<string, string>> = {
  dns: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
  url: "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
  oid: "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
  x500: "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
};
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function identifierFunctions(randomUuid: () => string): FunctionTable {
  return new Map([
    ["uuidv4", define([], randomUuid)],
    ["uuidv5", define(["namespace: string", "name: string"], uuidFromName)],
  ]);
}

function uuidFromName(namespace: string, name: string): string {
  const space = Object.hasOwn(NAMESPACES, namespace) ? (NAMESPACES[namespace] as string) : namespace;
  if (!UUID.test(space)) throw new FunctionFailure(`namespace must be a UUID or one of ${Object.keys(NAMESPACES).join(", ")}`, 0);
  const bytes = createHash("sha1")
    .update(Buffer.from(space.replaceAll("-", ""), "hex"))
    .update(name, "utf8")
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
