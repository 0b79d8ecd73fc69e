/** The environment, digests, the scratch pad, what other templates of the same text make, and files. */
import { createHash, createHmac } from "node:crypto";
import { bytesOf, compareText } from "../go/bytes.ts";
import type { Rendering, TemplateFunction } from "../go/function.ts";
import { GoMap, GoStruct, type Methods, type Value } from "../go/value.ts";
import { type Declared, fail, takes, takesMany } from "./declare.ts";
import type { Looking } from "./looking.ts";
import { mapOf } from "./reflect.ts";
import { text } from "./shape.ts";

type Texts = readonly string[];

const digest = (algorithm: string): Declared =>
  takes(["string"], ([text = ""]: Texts) => createHash(algorithm).update(bytesOf(text)).digest("hex"));

const hmac = takes(["string", "string"], ([message = "", key = ""]: Texts) =>
  createHmac("sha256", bytesOf(key)).update(bytesOf(message)).digest("hex"),
);

function mustEnv([name = ""]: Texts, looking: Looking): Value {
  const value = looking.variable(name) ?? "";
  return value === "" ? fail(`mustEnv: the environment variable ${JSON.stringify(name)} is empty`) : value;
}

function file([path = ""]: Texts, looking: Looking): Value {
  if (path === "") return "";
  const thing = { system: "file", kind: "file", name: path.trim(), options: {} } as const;
  const fact = looking.fact(thing);
  if (fact !== undefined && fact.value === undefined) looking.waitFor(thing);
  return text(fact?.value);
}

function scratch(_: Texts, { scratch: kept }: Looking): Value {
  const set = (key: string, value: Value, again: boolean): Value => {
    if (again || !kept.has(key)) kept.set(key, value);
    return "";
  };
  const mapSet = (again: boolean): Declared =>
    takes(["string", "string", "any"], (args: readonly Value[]) => {
      const [key, name, value] = args as [string, string, Value];
      const map = kept.get(key) ?? mapOf([]);
      if (!(map instanceof GoMap)) return fail("scratch: what is kept under this key is not a map");
      if (again || !map.entries.has(name)) kept.set(key, new GoMap(new Map(map.entries).set(name, value), map.typeName));
      return "";
    });
  const methods: Methods = new Map<string, Declared>([
    ["Key", takes(["string"], ([key = ""]: Texts) => kept.has(key))],
    ["Get", takes(["string"], ([key = ""]: Texts) => kept.get(key) ?? null)],
    ["Set", takes(["string", "any"], (args: readonly Value[]) => set(args[0] as string, args[1] ?? null, true))],
    ["SetX", takes(["string", "any"], (args: readonly Value[]) => set(args[0] as string, args[1] ?? null, false))],
    ["MapSet", mapSet(true)],
    ["MapSetX", mapSet(false)],
    ["MapValues", takes(["string"], ([key = ""]: Texts) => sortedValues(kept.get(key)))],
  ]);
  return new GoStruct("template.Scratch", new Map(), { methods, pointer: true });
}

const sortedValues = (map: Value): Value =>
  map instanceof GoMap ? [...map.entries].toSorted(([a], [b]) => compareText(String(a), String(b))).map(([, value]) => value) : [];

const executeTemplate: TemplateFunction<Looking> = {
  minimum: 1,
  maximum: 2,
  parameters: ["string", "any"],
  call: ([name, data], _, rendering: Rendering) => rendering.executeTemplate(name as string, data ?? null),
};

/** They run programs and write files: never in here, allowed or not. */
const never = (name: string): Declared => takesMany(["any"], 0, () => fail(`${name}: function is disabled`));

export const BASICS: Readonly<Record<string, Declared>> = {
  env: takes(["string"], ([name = ""]: Texts, looking) => looking.variable(name) ?? ""),
  envOrDefault: takes(["string", "string"], ([name = "", otherwise = ""]: Texts, looking) => looking.variable(name) ?? otherwise),
  mustEnv: takes(["string"], mustEnv),
  executeTemplate,
  file: takes(["string"], file),
  hmacSHA256Hex: hmac,
  md5sum: digest("md5"),
  plugin: never("plugin"),
  scratch: takes([], scratch),
  sha1Hex: digest("sha1"),
  sha256Hex: digest("sha256"),
  writeToFile: never("writeToFile"),
};
