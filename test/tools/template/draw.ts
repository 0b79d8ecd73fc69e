/** Random templates over the corpus's data: most of them render, some fail, few do not parse. One seed, one list. */
import { DATA } from "./corpus.ts";
import type { Question } from "./ask.ts";

/** No addresses, which change, and no broken text, of which the oracle's `upper` makes something else. */
const { func: _function, pointer: _pointer, binary: _binary, ...PLAIN } = DATA;

export function drawQuestions(seed: number, count: number): Question[] {
  const draw = new Draw(seed);
  return Array.from({ length: count }, () => {
    const text = draw.list(3);
    return { text, data: PLAIN, ...(draw.chance(0.3) ? { missingkey: draw.one(["error", "zero"] as const) } : {}) };
  });
}

const FIELDS =
  "name empty accent markup yes no zero one pi huge tiny million negative int minus int64 uint byte number bytes nil list mixed".split(" ");
const MORE =
  "none strings ints map smap imap emptyMap service services secret missing map.a map.c map.c.d.e service.Name service.Tags".split(" ");
const INDEXED = [
  ".list 1",
  ".list 3",
  ".map `a`",
  ".map `none`",
  ".imap 2",
  ".imap 7",
  ".strings 0",
  ".name 1",
  ".mixed 5 `four`",
  ".smap `k`",
];
const SLICED = [".name", ".accent", ".list", ".strings", ".bytes", "`text`", ".number"];
const CALLS = [
  "len .list",
  "len .accent",
  "upper .name",
  "double .int",
  "double 4",
  "half .pi",
  "flag .yes",
  "joinAll `,` .name `b`",
  "sum64 1 2",
];
const GROUPS = [
  [".name", ".empty", ".accent", "`web`", "`é`", ".number", "(index .list 0)", "(printf `%v` .int)"],
  [".int", ".minus", ".byte", ".uint", "42", "-7", "(len .list)", ".int64", "'a'"],
  [".one", ".pi", ".zero", ".huge", "1.0", "3.14159", "1e21", ".nan", ".inf"],
];
const RANGED =
  ".list .ints .map .imap .smap .mixed .services .none 3 $.list $.map $.mixed .int .byte .name .one .missing .nil .bytes".split(" ");
const CONSTANTS = ["0", "1", "2", "-3", "1.5", "1e6", "0x1f", "'a'", "true", "false", "`text`", '"q\\"\\n"', '"é"', "nil", "1i"];
const FLAGS = ["", "", "", "-", "+", "#", " ", "0", "+0", "# "];
const WIDTHS = ["", "", "", "5", "12", ".2", "8.3", ".0", "*", "[1]"];

class Draw {
  private state: number;
  private variables: string[] = [];
  private depth = 0;
  private inRange = 0;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  private next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  one<T>(of: readonly T[]): T {
    return of[Math.floor(this.next() * of.length)] as T;
  }

  broken(text: string): string {
    const runes = Array.from(text);
    const place = Math.floor(this.next() * (runes.length + 1));
    const replaced = this.one([0, 0, 1, 1, 2]);
    runes.splice(place, replaced, this.chance(0.6) || replaced === 0 ? this.one(PIECES) : "");
    return runes.join("");
  }

  /** A few statements. */
  list(most: number): string {
    const count = 1 + Math.floor(this.next() * most);
    const scope = this.variables.length;
    this.depth++;
    let text = "";
    for (let index = 0; index < count; index++) text += this.statement();
    this.depth--;
    this.variables.length = scope;
    return text;
  }

  private action(inside: string): string {
    const left = this.chance(0.1) ? "{{- " : "{{";
    const right = this.chance(0.1) ? " -}}" : "}}";
    return `${left}${inside}${right}`;
  }

  private statement(): string {
    const deep = this.depth > 4;
    switch (Math.floor(this.next() * (deep ? 5 : 11))) {
      case 0:
        return this.one(["text", " \n ", "é", "\n", "a b", " "]);
      case 1:
      case 2:
      case 3:
        return this.action(this.pipeline());
      case 4:
        return this.declaration();
      case 5:
      case 6:
        return this.branch();
      case 7:
      case 8:
        return this.range();
      case 9:
        return this.inRange > 0 ? this.action(this.one(["break", "continue"])) : this.action("/* comment */");
      default: {
        const name = `\`t${Math.floor(this.next() * 1e9)}\``;
        const outer = [this.variables, this.inRange] as const;
        const called = this.pipeline();
        [this.variables, this.inRange] = [[], 0];
        const body = this.list(2);
        [this.variables, this.inRange] = outer;
        return `{{block ${name} ${called}}}${body}{{end}}`;
      }
    }
  }

  private declaration(): string {
    if (this.variables.length > 0 && this.chance(0.4)) return this.action(`${this.one(this.variables)} = ${this.pipeline()}`);
    const name = `$${this.one(["a", "b", "c"])}`;
    const text = this.action(`${name} := ${this.pipeline()}`);
    this.variables.push(name);
    return text;
  }

  private branch(): string {
    const word = this.one(["if", "with"]);
    const scope = this.variables.length;
    const start = this.action(`${word} ${this.pipeline()}`);
    let text = start + this.list(2);
    if (this.chance(0.3)) text += `${this.action(`else ${word} ${this.pipeline()}`)}${this.list(2)}`;
    if (this.chance(0.5)) text += `${this.action("else")}${this.list(2)}`;
    this.variables.length = scope;
    return `${text}${this.action("end")}`;
  }

  private range(): string {
    // Never over a whole number that chance may make large.
    const over = this.one(RANGED);
    const scope = this.variables.length;
    const named = this.one([[], ["$v"], ["$k", "$v"]]);
    const start = this.action(`range ${named.length > 0 ? `${named.join(", ")} := ` : ""}${over}`);
    this.variables.push(...named);
    this.inRange++;
    let text = start + this.list(3);
    this.inRange--;
    if (this.chance(0.3)) text += `${this.action("else")}${this.list(1)}`;
    this.variables.length = scope;
    return `${text}${this.action("end")}`;
  }

  private pipeline(): string {
    let text = this.command();
    while (this.chance(0.2))
      text += this.one([" | print", " | printf `%v`", " | html", " | len", " | upper", " | not", " | printf `%5d`", " | js"]);
    return text;
  }

  private command(): string {
    switch (Math.floor(this.next() * 9)) {
      case 0:
      case 1:
        return this.operand();
      case 2:
        return this.printf();
      case 3:
        return `${this.one(["eq", "ne", "lt", "le", "gt", "ge"])} ${this.pair()}`;
      case 4:
        return `${this.one(["and", "or"])} ${this.operand()} ${this.operand()}`;
      case 5:
        return this.chance(0.7) ? `index ${this.one(INDEXED)}` : `index ${this.operand()} ${this.operand()}`;
      case 6:
        return this.chance(0.6)
          ? this.one(CALLS)
          : `${this.one(["len", "not", "html", "js", "urlquery", "print", "println", "upper", "double", "half", "flag", "same", "list"])} ${this.operand()}`;
      case 7:
        return `slice ${this.chance(0.8) ? this.one(SLICED) : this.operand()} ${this.one(["0", "1", "2", "1 2", "0 1"])}`;
      default:
        return `${this.one(["print", "println", "joinAll `,`", "list", "eq 1"])} ${this.operand()} ${this.operand()}`;
    }
  }

  private pair(): string {
    if (this.chance(0.2)) return `${this.operand()} ${this.operand()}`;
    const group = this.one(GROUPS);
    return `${this.one(group)} ${this.one(group)}`;
  }

  private printf(): string {
    const count = Math.floor(this.next() * 3);
    const args = Array.from({ length: count }, () => this.operand());
    const verbs = Array.from({ length: 1 + Math.floor(this.next() * 2) }, () => {
      return `%${this.one(FLAGS)}${this.one(WIDTHS)}${this.one([..."vvvsdqxXtTfegGboOcUEF%z"])}`;
    });
    return `printf \`${verbs.join("-")}\` ${args.join(" ")}`;
  }

  private operand(): string {
    const draw = this.next();
    if (draw < 0.45) return `${this.chance(0.3) ? "$" : ""}.${this.one(this.chance(0.6) ? FIELDS : MORE)}`;
    if (draw < 0.7) return this.one(CONSTANTS);
    if (draw < 0.8 && this.variables.length > 0) return this.one(this.variables);
    if (draw < 0.85) return ".";
    if (draw < 0.88) return "$.name";
    return this.depth > 4 ? ".name" : `(${this.nested()})`;
  }

  private nested(): string {
    this.depth += 2;
    const text = this.pipeline();
    this.depth -= 2;
    return text;
  }
}

const PIECES = [
  "{{",
  "}}",
  "-",
  " ",
  "(",
  ")",
  "|",
  ".",
  "$",
  '"',
  "`",
  "'",
  ":=",
  ",",
  "\n",
  "\\",
  "end",
  "else",
  "é",
  "1",
  "/*",
  "*/",
  "if ",
];

/** Known texts with a slip of the hand or two: most do not parse, and both must say in which line. */
export function drawBroken(seed: number, count: number, known: readonly Question[]): Question[] {
  const draw = new Draw(seed);
  return Array.from({ length: count }, () => {
    const question = draw.one(known);
    let text = draw.broken(question.text);
    if (draw.chance(0.3)) text = draw.broken(text);
    return { ...question, text, data: question.data === DATA ? PLAIN : question.data };
  });
}
