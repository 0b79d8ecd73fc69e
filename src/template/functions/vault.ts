/** What templates look at in Vault: secrets, read or written; lists; certificates. */
import type { Thing } from "#ports";
import { type GoStruct, GoMap, type Key, type Methods, type Value } from "../go/value.ts";
import { type Declared, fail, takes, takesMany } from "./declare.ts";
import type { Looking } from "./looking.ts";
import { anything, flag, maybe, type Shape, struct, text, textMap, texts, time, whole } from "./shape.ts";

const data: Shape = (json) => {
  const value = anything(json);
  return value instanceof GoMap ? value : new GoMap(new Map<Key, Value>());
};

const SECRET = struct(
  "dependency.Secret",
  {
    RequestID: text,
    LeaseID: text,
    LeaseDuration: whole,
    Renewable: flag,
    Data: data,
    Warnings: texts,
    Auth: maybe(
      struct(
        "dependency.SecretAuth",
        { ClientToken: text, Accessor: text, Policies: texts, Metadata: textMap, LeaseDuration: whole, Renewable: flag },
        { pointer: true },
      ),
    ),
    WrapInfo: maybe(
      struct("dependency.SecretWrapInfo", { Token: text, TTL: whole, CreationTime: time, WrappedAccessor: text }, { pointer: true }),
    ),
  },
  { pointer: true, json: { Warnings: { nullWhenEmpty: true } } },
);

const CERTIFICATE: Shape = (json) => {
  const certificate: GoStruct = struct(
    "dependency.PemEncoded",
    { Cert: text, Key: text, CA: text, CAChain: texts },
    { methods: (fields) => certificateMethods(fields, () => certificate) },
  )(json) as GoStruct;
  return certificate;
};

function certificateMethods(fields: ReadonlyMap<string, Value>, itself: () => Value): Methods {
  const chain = fields.get("CAChain") as { readonly items: readonly Value[] };
  return new Map([
    ["Data", takes([], () => itself())],
    ["CaChainContains", takes(["string"], ([wanted]: readonly string[]) => chain.items.includes(wanted as string))],
  ]);
}

const pathOf = (text: string, what: string): string => {
  const path = text.trim().replace(/^\/+|\/+$/g, "");
  return path === "" ? fail(`${what}: the path is empty`) : path;
};

/** "ttl=1h" … → { ttl: "1h" }. What stands in them may be secret: no error repeats it. */
function pairsOf(args: readonly string[], what: string): Readonly<Record<string, string>> {
  const pairs: [string, string][] = [];
  for (const arg of args) {
    if (arg === "") continue;
    const at = arg.indexOf("=");
    if (at < 0) fail(`${what}: what follows the path is written NAME=VALUE`);
    pairs.push([arg.slice(0, at).trim(), arg.slice(at + 1).trim()]);
  }
  return Object.fromEntries(pairs);
}

/** Waits until it is there: a secret that is not is none to go on with. */
function look(looking: Looking, thing: Thing, shape: Shape): Value {
  const fact = looking.fact(thing);
  if (fact === undefined) return null;
  if (fact.value === undefined || fact.value === null) {
    looking.waitFor(thing);
    return null;
  }
  return shape(fact.value);
}

function secret([path, ...rest]: readonly string[], looking: Looking): Value {
  if (path === undefined) return null;
  return look(looking, { system: "vault", kind: "secret", name: pathOf(path, "secret"), options: pairsOf(rest, "secret") }, SECRET);
}

function certificate([path, ...rest]: readonly string[], looking: Looking): Value {
  if (path === undefined) return null;
  return look(
    looking,
    { system: "vault", kind: "certificate", name: pathOf(path, "pkiCert"), options: pairsOf(rest, "pkiCert") },
    CERTIFICATE,
  );
}

function secrets([path = ""]: readonly string[], looking: Looking): Value {
  if (path === "") return texts([]);
  return texts(looking.fact({ system: "vault", kind: "secrets", name: pathOf(path, "secrets"), options: {} })?.value);
}

export const VAULT_FUNCTIONS: Readonly<Record<string, Declared>> = {
  secret: takesMany(["string"], 0, secret),
  secrets: takes(["string"], secrets),
  pkiCert: takesMany(["string"], 0, certificate),
};
