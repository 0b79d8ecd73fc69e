/**
 * fmt's Sprint, Sprintln and Sprintf. One difference: an address (of a pointer inside a slice, %p) is no number that changes each time;
 * a pointer to a struct prints as &{…} wherever it stands.
 */
import { joined, textOf } from "./bytes.ts";
import * as plain from "./format.ts";
import { itemsOf, kindOf, sortedEntries, textOfString, typeName, wholeOf } from "./type.ts";
import { GoComplex, type GoMap, GoStruct, type Value } from "./value.ts";

/** `{{ value }}`: a pointer prints as what it points to. */
export function printed(value: Value): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "<no value>";
  return new Printer().argument(dereferenced(value), "v");
}

export function dereferenced(value: Value): Value {
  if (!(value instanceof GoStruct) || !value.pointer || value.text !== undefined) return value;
  return new GoStruct(value.typeName, value.fields, value.methods === undefined ? {} : { methods: value.methods });
}

export function sprint(values: readonly Value[]): string {
  const printer = new Printer();
  let written = "";
  let previousIsText = false;
  values.forEach((value, index) => {
    const isText = kindOf(value) === "string";
    if (index > 0 && !isText && !previousIsText) written += " ";
    written += printer.argument(value, "v");
    previousIsText = isText;
  });
  return joined(written);
}

export function sprintln(values: readonly Value[]): string {
  const printer = new Printer();
  return joined(`${values.map((value) => printer.argument(value, "v")).join(" ")}\n`);
}

export function sprintf(format: string, values: readonly Value[]): string {
  return joined(new Directives(format, values).run());
}

/** Go's limit of a width or precision. */
const SIZE_MAX = 1_000_000;
const ADDRESS = 0xc000000000n;

class Printer {
  flags = plain.noFlags();
  /** Inside of a complaint about a bad verb no String method is called. */
  private complaining = false;

  /** One argument: what stands at the top. */
  argument(value: Value, verb: string): string {
    if (value === null || value === undefined) return verb === "T" || verb === "v" ? plain.padded(this.flags, "<nil>") : `%!${verb}(<nil>)`;
    if (verb === "T") return plain.formatText(this.flags, typeName(value));
    if (verb === "p") return this.address(value, verb);
    const shown = this.byMethod(value, verb);
    if (shown !== undefined) return shown;
    if (value instanceof Uint8Array && "vdsxXq".includes(verb)) return this.bytes(value, verb, "[]byte");
    return this.value(value, verb, 0);
  }

  private byMethod(value: Value, verb: string): string | undefined {
    if (this.complaining) return undefined;
    if (verb === "w" && !isSimple(value)) return this.bad(value, verb);
    if (!(value instanceof GoStruct) || value.text === undefined || this.flags.sharpV || !"vsxXq".includes(verb)) return undefined;
    return this.text(value.text(), value, verb);
  }

  private value(value: Value, verb: string, depth: number): string {
    if (depth > 0) {
      if (value === null || value === undefined) return this.flags.sharpV ? "interface {}(nil)" : "<nil>";
      const shown = this.byMethod(value, verb);
      if (shown !== undefined) return shown;
    }
    switch (kindOf(value)) {
      case "bool":
        return verb === "t" || verb === "v" ? plain.padded(this.flags, String(value)) : this.bad(value, verb);
      case "int":
      case "uint":
        return this.whole(value, verb);
      case "float":
        return this.float(value as number, verb) ?? this.bad(value, verb);
      case "complex":
        return this.complex(value as GoComplex, verb);
      case "string":
        return this.text(textOfString(value), value, verb);
      case "map":
        return this.map(value as GoMap, verb, depth);
      case "slice":
        return this.slice(value, verb, depth);
      case "pointer":
        return `&${this.struct(value as GoStruct, verb, depth)}`;
      case "struct":
        return this.struct(value as GoStruct, verb, depth);
      case "func":
        return this.address(value, verb);
      case "nil":
        return "<nil>";
    }
  }

  private bad(value: Value, verb: string): string {
    this.complaining = true;
    const shown = this.value(value, "v", 0);
    this.complaining = false;
    return `%!${verb}(${typeName(value)}=${shown})`;
  }

  private text(text: string, value: Value, verb: string): string {
    switch (verb) {
      case "v":
        return this.flags.sharpV ? plain.formatQuoted(this.flags, text) : plain.formatText(this.flags, text);
      case "s":
        return plain.formatText(this.flags, text);
      case "x":
      case "X":
        return plain.formatHexString(this.flags, text, verb === "X");
      case "q":
        return plain.formatQuoted(this.flags, text);
      default:
        return this.bad(value, verb);
    }
  }

  private whole(value: Value, verb: string): string {
    const whole = wholeOf(value);
    switch (verb) {
      case "v":
        return this.flags.sharpV && kindOf(value) === "uint"
          ? this.hexadecimal(whole, true)
          : plain.formatWhole(this.flags, whole, 10, verb);
      case "d":
        return plain.formatWhole(this.flags, whole, 10, verb);
      case "b":
        return plain.formatWhole(this.flags, whole, 2, verb);
      case "o":
      case "O":
        return plain.formatWhole(this.flags, whole, 8, verb);
      case "x":
      case "X":
        return plain.formatWhole(this.flags, whole, 16, verb);
      case "c":
        return plain.formatRune(this.flags, whole);
      case "q":
        return plain.formatQuotedRune(this.flags, whole);
      case "U":
        return plain.formatUnicode(this.flags, whole);
      default:
        return this.bad(value, verb);
    }
  }

  private hexadecimal(whole: bigint, prefix: boolean): string {
    const { sharp } = this.flags;
    this.flags.sharp = prefix;
    const written = plain.formatWhole(this.flags, whole, 16, "v");
    this.flags.sharp = sharp;
    return written;
  }

  private float(value: number, verb: string): string | undefined {
    if (verb === "v") return plain.formatFloating(this.flags, value, "g", -1);
    if ("bgGxX".includes(verb)) return plain.formatFloating(this.flags, value, verb, -1);
    if ("feE".includes(verb)) return plain.formatFloating(this.flags, value, verb, 6);
    return verb === "F" ? plain.formatFloating(this.flags, value, "f", 6) : undefined;
  }

  private complex(value: GoComplex, verb: string): string {
    const { plus } = this.flags;
    const real = this.float(value.real, verb);
    if (real === undefined) return this.bad(value, verb);
    this.flags.plus = true;
    const imaginary = this.float(value.imaginary, verb) as string;
    this.flags.plus = plus;
    return `(${real}${imaginary}i)`;
  }

  private bytes(bytes: Uint8Array, verb: string, type: string): string {
    switch (verb) {
      case "s":
        return plain.formatText(this.flags, textOf(bytes));
      case "x":
      case "X":
        return plain.formatHexText(this.flags, bytes, verb === "X");
      case "q":
        return plain.formatQuoted(this.flags, textOf(bytes));
    }
    if (this.flags.sharpV) return `${type}{${Array.from(bytes, (byte) => this.hexadecimal(BigInt(byte), true)).join(", ")}}`;
    return `[${Array.from(bytes, (byte) => plain.formatWhole(this.flags, BigInt(byte), 10, verb)).join(" ")}]`;
  }

  private slice(value: Value, verb: string, depth: number): string {
    if (value instanceof Uint8Array && "sqxX".includes(verb)) return this.bytes(value, verb, "[]uint8");
    const items = (itemsOf(value) ?? []).map((item) => this.value(item, verb, depth + 1));
    return this.flags.sharpV ? `${typeName(value)}{${items.join(", ")}}` : `[${items.join(" ")}]`;
  }

  private map(map: GoMap, verb: string, depth: number): string {
    const pairs = sortedEntries(map).map(([key, value]) => `${this.value(key, verb, depth + 1)}:${this.value(value, verb, depth + 1)}`);
    return this.flags.sharpV ? `${map.typeName}{${pairs.join(", ")}}` : `map[${pairs.join(" ")}]`;
  }

  private struct(struct: GoStruct, verb: string, depth: number): string {
    const { plusV, sharpV } = this.flags;
    const named = plusV || sharpV;
    const fields = [...struct.fields].map(([name, value]) => `${named ? `${name}:` : ""}${this.value(value, verb, depth + 1)}`);
    return `${sharpV ? struct.typeName : ""}{${fields.join(sharpV ? ", " : " ")}}`;
  }

  private address(value: Value, verb: string): string {
    const kind = kindOf(value);
    if (kind !== "map" && kind !== "slice" && kind !== "pointer" && kind !== "func") return this.bad(value, verb);
    if (verb === "v" || verb === "p") return this.hexadecimal(ADDRESS, !this.flags.sharp);
    return "bodxX".includes(verb)
      ? plain.formatWhole(this.flags, ADDRESS, verb === "b" ? 2 : verb === "o" ? 8 : verb === "d" ? 10 : 16, verb)
      : this.bad(value, verb);
  }
}

/** Types that fmt prints without asking them for methods. */
function isSimple(value: Value): boolean {
  return typeof value !== "object" || value instanceof GoComplex || value instanceof Uint8Array;
}

/** A format string, read from left to right. */
class Directives {
  private readonly format: string;
  private readonly values: readonly Value[];
  private readonly printer = new Printer();
  private position = 0;
  private argument = 0;
  /** An index like [3] stood just before. */
  private afterIndex = false;
  private goodIndex = true;
  private reordered = false;

  constructor(format: string, values: readonly Value[]) {
    this.format = format;
    this.values = values;
  }

  run(): string {
    const { format } = this;
    let written = "";
    for (;;) {
      const found = format.indexOf("%", this.position);
      if (found === -1) break;
      written += format.slice(this.position, found);
      this.position = found + 1;
      written += this.directive();
    }
    return written + format.slice(this.position) + this.extra();
  }

  private directive(): string {
    const { format, printer } = this;
    const flags = plain.noFlags();
    printer.flags = flags;
    this.goodIndex = true;
    this.afterIndex = false;
    for (; this.position < format.length; this.position++) {
      const letter = format[this.position];
      if (letter === "#") flags.sharp = true;
      else if (letter === "0") flags.zero = true;
      else if (letter === "+") flags.plus = true;
      else if (letter === "-") flags.minus = true;
      else if (letter === " ") flags.space = true;
      else break;
    }
    this.index();
    const problems = this.width(flags) + this.precision(flags);
    if (!this.afterIndex) this.index();
    return problems + this.verb(flags);
  }

  private width(flags: plain.Flags): string {
    if (this.format[this.position] !== "*") {
      flags.width = this.number();
      if (this.afterIndex && flags.width !== undefined) this.goodIndex = false;
      return "";
    }
    this.position++;
    flags.width = this.numberFromArgument();
    this.afterIndex = false;
    if (flags.width === undefined) return "%!(BADWIDTH)";
    if (flags.width < 0) {
      flags.width = -flags.width;
      flags.minus = true;
      flags.zero = false;
    }
    return "";
  }

  private precision(flags: plain.Flags): string {
    if (this.format[this.position] !== "." || this.position + 1 >= this.format.length) return "";
    this.position++;
    if (this.afterIndex) this.goodIndex = false;
    this.index();
    if (this.format[this.position] !== "*") {
      flags.precision = this.number() ?? 0;
      return "";
    }
    this.position++;
    const precision = this.numberFromArgument();
    this.afterIndex = false;
    if (precision === undefined || precision < 0) return "%!(BADPREC)";
    flags.precision = precision;
    return "";
  }

  private verb(flags: plain.Flags): string {
    const code = this.format.codePointAt(this.position);
    if (code === undefined) return "%!(NOVERB)";
    const letter = code >= 0xd800 && code < 0xe000 ? "\ufffd" : String.fromCodePoint(code);
    this.position += code > 0xffff ? 2 : 1;
    if (letter === "%") return "%";
    if (!this.goodIndex) return `%!${letter}(BADINDEX)`;
    if (this.argument >= this.values.length) return `%!${letter}(MISSING)`;
    if (letter === "v" || letter === "w") {
      flags.sharpV = flags.sharp;
      flags.sharp = false;
      flags.plusV = flags.plus;
      flags.plus = false;
    }
    return this.printer.argument(this.values[this.argument++], letter);
  }

  /** [3]: which argument comes next. */
  private index(): void {
    const { format, position } = this;
    this.afterIndex = false;
    if (format[position] !== "[") return;
    this.reordered = true;
    const close = format.length - position < 3 ? -1 : format.indexOf("]", position + 1);
    const digits = close === -1 ? "" : format.slice(position + 1, close);
    const isNumber = /^[0-9]+$/.test(digits) && !isTooLong(digits);
    this.position = close === -1 ? position + 1 : close + 1;
    const index = isNumber ? Number(digits) - 1 : -1;
    if (isNumber && index >= 0 && index < this.values.length) this.argument = index;
    else this.goodIndex = false;
    this.afterIndex = isNumber;
  }

  private number(): number | undefined {
    const digits = /^[0-9]+/.exec(this.format.slice(this.position, this.position + 400))?.[0];
    if (digits === undefined) return undefined;
    if (isTooLong(digits)) {
      this.position = this.format.length;
      return undefined;
    }
    this.position += digits.length;
    return Number(digits);
  }

  private numberFromArgument(): number | undefined {
    if (this.argument >= this.values.length) return undefined;
    const value = this.values[this.argument++];
    const kind = kindOf(value);
    if (kind !== "int" && kind !== "uint") return undefined;
    const whole = wholeOf(value);
    return whole > SIZE_MAX || whole < -SIZE_MAX ? undefined : Number(whole);
  }

  private extra(): string {
    const { values, argument, printer } = this;
    if (this.reordered || argument >= values.length) return "";
    printer.flags = plain.noFlags();
    const rest = values.slice(argument).map((value) => {
      return value === null || value === undefined ? "<nil>" : `${typeName(value)}=${printer.argument(value, "v")}`;
    });
    return `%!(EXTRA ${rest.join(", ")})`;
  }
}

/** Go gives a number up once what it has read is above the limit and more follows. */
function isTooLong(digits: string): boolean {
  return digits.length > 7 && Number(digits.slice(0, -1)) > SIZE_MAX;
}
