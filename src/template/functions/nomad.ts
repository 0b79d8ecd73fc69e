/** What templates look at in Nomad: its services and variables. */
import type { Thing } from "#ports";
import { type GoSlice, GoInteger, GoMap, GoStruct, GoSlice as Slice, type Key, type Methods, type Value } from "../go/value.ts";
import { type Declared, fail, takes, takesMany } from "./declare.ts";
import type { Looking } from "./looking.ts";
import { parseQuery, type Parts } from "./query.ts";
import { list, type Shape, StandInStruct, struct, tags, text, whole, whole64 } from "./shape.ts";
import { TimeValue } from "./time-value.ts";

const SERVICE = struct(
  "dependency.NomadService",
  { ID: text, Name: text, Node: text, Address: text, Port: whole, Datacenter: text, Tags: tags, JobID: text, AllocID: text },
  { pointer: true },
);
const SERVICES = list("[]*dependency.NomadService", SERVICE);
const SNIPPETS = list(
  "[]*dependency.NomadServicesSnippet",
  struct("dependency.NomadServicesSnippet", { Name: text, Tags: tags }, { pointer: true }),
);

/** Nanoseconds since 1970 that print as a time. */
const nanoTime: Shape = (json) => {
  const ns = (whole64("int64")(json) as GoInteger).value;
  const time = new TimeValue(ns);
  const methods: Methods = new Map([
    ["Time", takes([], () => time)],
    ["String", takes([], () => time.text?.() ?? "")],
  ]);
  return new StandInStruct("dependency.nanoTime", new Map(), new GoInteger("int64", ns), { methods, text: () => time.text?.() ?? "" });
};

const META_FIELDS = {
  Namespace: text,
  Path: text,
  CreateIndex: whole64("uint64"),
  ModifyIndex: whole64("uint64"),
  CreateTime: nanoTime,
  ModifyTime: nanoTime,
};
const META = struct("dependency.NomadVarMeta", META_FIELDS, { pointer: true, text: (fields) => fields.get("Path") as string });
const METAS = list("[]*dependency.NomadVarMeta", META);

/** The variable's items: a map that also leads to the variable itself. */
function itemsOf(json: unknown): GoMap {
  const given = typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  const items = Object.entries((given["Items"] ?? {}) as Record<string, unknown>).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const holder: { items?: GoMap } = {};
  const meta = () => (items.length === 0 ? null : META(given));
  const parent = () => (items.length === 0 ? null : variableOf(given, holder.items as GoMap));
  const above: readonly [string, Declared][] = [
    ["Metadata", takes([], meta)],
    ["Parent", takes([], parent)],
  ];
  const values = items.map(([, value]) => text(value));
  const methods: Methods = new Map<string, Declared>([
    [
      "Keys",
      takes(
        [],
        () =>
          new Slice(
            "[]string",
            items.map(([key]) => key),
          ),
      ),
    ],
    ["Values", takes([], () => new Slice("[]string", values))],
    ["Tuples", takes([], () => new Slice("[]struct { K string; V string }", items.map(tuple)))],
    ["ItemsMap", takes([], () => new GoMap(new Map<Key, Value>(items.map(([key, value]) => [key, text(value)]))))],
    ...above,
  ]);
  const entries = new Map<Key, Value>(items.map(([key, value]) => [key, item(key, String(value), above)]));
  holder.items = new GoMap(entries, "dependency.NomadVarItems", methods);
  return holder.items;
}

const tuple = ([key, value]: readonly [string, unknown]): Value =>
  new GoStruct(
    "struct { K string; V string }",
    new Map<string, Value>([
      ["K", key],
      ["V", text(value)],
    ]),
  );

export class VariableItem extends StandInStruct {}

function item(key: string, value: string, above: readonly [string, Declared][]): Value {
  const methods: Methods = new Map([["String", takes([], () => value)], ...above]);
  const fields = new Map<string, Value>([
    ["Key", key],
    ["Value", value],
  ]);
  return new VariableItem("dependency.NomadVarItem", fields, value, { methods, text: () => value });
}

function variableOf(given: Record<string, unknown>, items: GoMap): Value {
  const fields = new Map<string, Value>(Object.entries(META_FIELDS).map(([name, shape]) => [name, shape(given[name])]));
  const methods: Methods = new Map([["Metadata", takes([], () => META(given))]]);
  return new GoStruct("dependency.NomadVariable", fields.set("Items", items), { methods, pointer: true });
}

const NO_ITEMS = () => new GoMap(new Map(), "dependency.NomadVarItems", itemsOf({}).methods);
const nomad = (kind: string, name: string, options: Parts): Thing => ({ system: "nomad", kind, name, options });

function variableThing(path: string, what: string): Thing {
  const { path: name = "", ...options } = parseQuery("variable", path.trim().replace(/^\/+|\/+$/g, ""), what);
  return nomad("variable", name, options);
}

function variable([path = ""]: readonly string[], looking: Looking): Value {
  if (path === "") return NO_ITEMS();
  const thing = variableThing(path, "nomadVar");
  const fact = looking.fact(thing);
  if (fact !== undefined && fact.value === undefined) looking.waitFor(thing);
  return fact?.value === undefined ? NO_ITEMS() : itemsOf(fact.value);
}

function variableExists([path = ""]: readonly string[], looking: Looking): Value {
  if (path === "") return false;
  const fact = looking.fact(variableThing(path, "nomadVarExists"));
  return fact !== undefined && fact.value !== undefined;
}

function variables(what: string, emptyIsFine: boolean): Declared {
  return takesMany(
    ["string"],
    0,
    ([prefix = ""]: readonly string[], looking) => {
      const { path = "", ...options } = parseQuery("variables", prefix, what);
      const thing = nomad("variables", path.replace(/^\/+$/, ""), options);
      const found = METAS(looking.fact(thing)?.value) as GoSlice;
      if (found.items.length === 0 && !emptyIsFine) looking.waitFor(thing);
      return found;
    },
    1,
  );
}

/** `nomadService "web"`, or `nomadService 3 "key" "web"`: three of them, the same ones for the same key. */
function service(args: readonly Value[], looking: Looking): Value {
  const [count, hash, chosen] = args;
  if (args.length === 1 && typeof count === "string") return look(looking, serviceThing(count, {}), SERVICES);
  if (args.length === 3 && typeof count === "bigint" && typeof hash === "string" && typeof chosen === "string") {
    return look(looking, serviceThing(chosen, { count: String(count), hash }), SERVICES);
  }
  return fail("nomadService: its arguments are SERVICE, or COUNT KEY SERVICE");
}

function serviceThing(text: string, choice: Parts): Thing {
  const { name = "", ...options } = parseQuery("nomadService", text, "nomadService");
  return nomad("service", name, { ...options, ...choice });
}

const look = (looking: Looking, thing: Thing, shape: Shape): Value => shape(looking.fact(thing)?.value);

export const NOMAD_FUNCTIONS: Readonly<Record<string, Declared>> = {
  nomadService: takesMany(["any"], 1, service as never),
  nomadServices: takesMany(["string"], 0, (args: readonly string[], looking) =>
    look(looking, nomad("services", "", parseQuery("nomadServices", args.join(""), "nomadServices")), SNIPPETS),
  ),
  nomadVar: takes(["string"], variable),
  nomadVarExists: takes(["string"], variableExists),
  nomadVarList: variables("nomadVarList", true),
  nomadVarListSafe: variables("nomadVarListSafe", false),
};
