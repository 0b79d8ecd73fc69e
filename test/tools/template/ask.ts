/** A question to Go's text/template and to ours, and whether they agree. */
import {
  executeGoTemplate,
  GoFunction,
  GoInteger,
  GoMap,
  GoSlice,
  GoStruct,
  JsonNumber,
  bytesOf,
  parseGoTemplate,
  TemplateError,
  type TemplateFunction,
  TemplateFunctionError,
  textOf,
  type Value,
} from "../../../src/template/go/mod.ts";
import { askOracle as ask } from "../ask-oracle.ts";

export interface Question {
  readonly text: string;
  readonly data?: unknown;
  readonly left?: string;
  readonly right?: string;
  readonly missingkey?: "error" | "zero";
}

/** `line` 0: the reference names none. */
export type Answer = { readonly out: string } | { readonly kind: string; readonly line: number };

export function askOracle(questions: readonly Question[], binary?: string): Answer[] {
  return ask("template", questions, binary).map((raw) => {
    const answer = raw as { readonly out?: string | null; readonly error?: string; readonly kind?: string };
    if (answer.error === undefined) return { out: textOf(Buffer.from(answer.out ?? "", "base64")) };
    return { kind: answer.kind ?? "", line: Number(/^template: t:(\d+)/.exec(answer.error)?.[1] ?? 0) };
  });
}

export function ourAnswer(question: Question): Answer {
  try {
    const { text, left = "", right = "" } = question;
    const parsed = parseGoTemplate({ name: "t", text, left, right, functions: FUNCTIONS });
    const errorOnMissingKey = question.missingkey === "error";
    const missingIsZero = question.missingkey === "zero";
    const options = {
      functions: FUNCTIONS,
      data: valueOf(question.data ?? null),
      errorOnMissingKey,
      missingIsZero,
      context: undefined,
      outputBytesMax: 1 << 22,
    };
    return { out: executeGoTemplate(parsed, options) };
  } catch (thrown) {
    if (!(thrown instanceof TemplateError)) throw thrown;
    return { kind: thrown.code === "TEMPLATE_FAILED" ? "failed" : "syntax", line: thrown.line };
  }
}

/** What differs; undefined: nothing. */
export function difference(
  question: Question,
  theirs: Answer,
): { readonly question: Question; readonly theirs: Answer; readonly ours: Answer } | undefined {
  const ours = ourAnswer(question);
  return JSON.stringify(ours) === JSON.stringify(theirs) ? undefined : { question, theirs, ours };
}

/** As main.go's decode. */
export function valueOf(raw: unknown): Value {
  if (Array.isArray(raw)) return raw.map(valueOf);
  if (typeof raw !== "object" || raw === null) return raw as Value;
  const entries = Object.entries(raw);
  const [name = "", inner] = entries[0] ?? [];
  if (entries.length === 1 && name.startsWith("$")) return typedValue(name, inner as never);
  return new GoMap(new Map(entries.map(([key, value]) => [key, valueOf(value)])));
}

const FLOATS: Readonly<Record<string, number>> = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity, "-0": -0 };

function typedValue(name: string, raw: never): Value {
  switch (name) {
    case "$int":
      return BigInt(raw);
    case "$int64":
    case "$uint8":
    case "$uint64":
      return new GoInteger(name.slice(1), BigInt(raw));
    case "$float":
      return FLOATS[raw];
    case "$number":
      return new JsonNumber(raw);
    case "$bytes":
      return Uint8Array.from(Buffer.from(raw, "base64"));
    case "$binary":
      return textOf(Buffer.from(raw, "base64"));
    case "$strings":
      return new GoSlice("[]string", raw);
    case "$ints":
      return new GoSlice("[]int", (raw as string[]).map(BigInt));
    case "$smap":
      return new GoMap(new Map(Object.entries(raw)), "map[string]string");
    case "$imap":
      return new GoMap(new Map(Object.entries(raw).map(([key, value]) => [BigInt(key), valueOf(value)])), "map[int]interface {}");
    case "$service":
      return service(raw, false);
    case "$pservice":
      return service(raw, true);
    case "$services":
      return new GoSlice(
        "[]main.Service",
        (raw as RawService[]).map((each) => service(each, false)),
      );
    case "$secret":
      return new GoStruct("main.Secret", new Map([["Hidden", raw as Value]]), { text: () => `<${raw as string}>` });
    case "$func":
      return new GoFunction(ADD, "func(int, int) int");
    default:
      throw new Error(`unknown type ${name}`);
  }
}

interface RawService {
  readonly Name: string;
  readonly Port: string;
  readonly Tags: readonly string[];
  readonly Meta: unknown;
}

function service(raw: RawService, pointer: boolean): GoStruct {
  const greet: TemplateFunction = { minimum: 1, maximum: 1, parameters: ["string"], call: ([word]) => `${word as string}, ${raw.Name}` };
  const fields = new Map<string, Value>([
    ["Name", raw.Name],
    ["Port", BigInt(raw.Port)],
    ["Tags", new GoSlice("[]string", raw.Tags)],
    ["Meta", valueOf(raw.Meta)],
  ]);
  return new GoStruct("main.Service", fields, { pointer, methods: new Map([["Greet", greet]]) });
}

const ADD: TemplateFunction = { minimum: 2, maximum: 2, parameters: ["int"], call: ([a, b]) => (a as bigint) + (b as bigint) };
const one = { minimum: 1, maximum: 1 };
const sum = (values: readonly Value[]): bigint => (values as readonly GoInteger[]).reduce((total, each) => total + each.value, 0n);

const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ["double", { ...one, parameters: ["int"], call: ([n]) => 2n * (n as bigint) }],
  ["upper", { ...one, parameters: ["string"], call: ([text]) => upper(text as string) }],
  ["joinAll", { minimum: 1, parameters: ["string"], call: ([separator, ...parts]) => parts.join(separator as string) }],
  [
    "fail",
    {
      ...one,
      parameters: ["string"],
      call: () => {
        throw new TemplateFunctionError("failed as asked");
      },
    },
  ],
  ["sum64", { minimum: 2, maximum: 2, parameters: ["int64"], call: (values) => new GoInteger("int64", sum(values)) }],
  ["half", { ...one, parameters: ["float"], call: ([float]) => (float as number) / 2 }],
  ["flag", { ...one, parameters: ["bool"], call: ([on]) => (on === true ? "on" : "off") }],
  ["nothing", { minimum: 0, maximum: 0, call: () => null }],
  ["list", { minimum: 0, call: (items) => items }],
  ["raw", { ...one, parameters: ["string"], call: ([text]) => bytesOf(text as string) }],
  ["number", { ...one, parameters: ["string"], call: ([text]) => new JsonNumber(text as string) }],
  ["adder", { minimum: 0, maximum: 0, call: () => new GoFunction(ADD, "func(int, int) int") }],
  ["size", { ...one, parameters: ["map"], call: ([map]) => BigInt((map as GoMap).entries.size) }],
  ["same", { ...one, call: ([value]) => value }],
]);

/** As strings.ToUpper: rune by rune, never longer; what is no UTF-8 becomes U+FFFD. */
function upper(text: string): string {
  return Array.from(text.replace(/[\udc80-\udcff]/gu, "\ufffd"), (rune) => {
    const raised = rune.toUpperCase();
    return [...raised].length === 1 ? raised : rune;
  }).join("");
}
