/**
 * Go's regular expressions as JavaScript's, for finding and replacing. It counts in code points, knows (?i) anywhere, POSIX classes, \pL, \Q…\E.
 * One that takes long is ended with the rendering (worker).
 */
import { fail } from "./declare.ts";

const POSIX: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: String.raw`\x00-\x7F`,
  blank: String.raw`\t `,
  cntrl: String.raw`\x00-\x1F\x7F`,
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: String.raw`!-\/:-@\[-\x60{-~`,
  space: String.raw`\t\n\v\f\r `,
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const SPACE = String.raw`\t\n\f\r `;
const SYNTAX = /[\^$\\.*+?()[\]{}|/]/;

export function goPattern(text: string, what: string): RegExp {
  try {
    return new RegExp(new Translation(text).whole(), "gu");
  } catch {
    return fail(`${what}: not a regular expression that Go (RE2) would take`);
  }
}

interface Open {
  readonly flags: string;
  /** Groups of our own, for flags said in the middle. */
  readonly extra: readonly string[];
}

class Translation {
  readonly #text: string;
  #at = 0;
  #flags = "";
  #extra: string[] = [];
  readonly #open: Open[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  whole(): string {
    let made = "";
    while (this.#at < this.#text.length) made += this.#next();
    return made + ")".repeat(this.#extra.length);
  }

  #take(length: number): string {
    const taken = this.#text.slice(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }

  #next(): string {
    const rest = this.#text.slice(this.#at, this.#at + 80);
    if (rest.startsWith("\\")) return this.#escape(false);
    if (rest.startsWith("[")) return this.#class();
    if (rest.startsWith("(")) return this.#group(rest);
    if (rest.startsWith(")")) return this.#close();
    if (rest.startsWith("|")) {
      this.#take(1);
      return `${")".repeat(this.#extra.length)}|${this.#extra.join("")}`;
    }
    if (rest.startsWith(".")) {
      this.#take(1);
      return this.#flags.includes("s") ? String.raw`[\s\S]` : String.raw`[^\n]`;
    }
    if (rest.startsWith("$") || rest.startsWith("^")) {
      const sign = this.#take(1);
      if (!this.#flags.includes("m")) return sign;
      return sign === "^" ? String.raw`(?<![^\n])` : String.raw`(?![^\n])`;
    }
    const counted = /^\{\d+(?:,\d*)?\}/.exec(rest);
    if (counted !== null) return this.#take(counted[0].length);
    const literal = this.#take(String.fromCodePoint(this.#text.codePointAt(this.#at) as number).length);
    return /[{}\]/]/.test(literal) ? `\\${literal}` : literal;
  }

  #group(rest: string): string {
    const flags = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
    if (flags === null) {
      const named = /^\(\?P?<([A-Za-z0-9_]+)>/.exec(rest);
      if (named === null && rest.startsWith("(?")) throw new SyntaxError("a group it does not know");
      this.#enter();
      this.#take(named?.[0].length ?? 1);
      if (named === null) return "(";
      return `(?<${named[1]}>`;
    }
    const [said, on = "", off = "", end] = flags;
    if (on.includes("U")) throw new SyntaxError("(?U) is not supported");
    if (end === ":") this.#enter();
    this.#take(said.length);
    this.#flags = [...new Set(this.#flags + on)].filter((flag) => !off.includes(flag)).join("");
    const opened = /i/.test(on) ? "(?i:" : /i/.test(off) ? "(?-i:" : "(?:";
    if (end === ")") this.#extra.push(opened);
    return opened;
  }

  #enter(): void {
    this.#open.push({ flags: this.#flags, extra: this.#extra });
    this.#extra = [];
  }

  #close(): string {
    const opened = this.#open.pop();
    if (opened === undefined) throw new SyntaxError("a parenthesis too many");
    this.#take(1);
    const closing = ")".repeat(this.#extra.length + 1);
    this.#flags = opened.flags;
    this.#extra = [...opened.extra];
    return closing;
  }

  /** Of what stands behind a backslash; in a class without its brackets. */
  #escape(inClass: boolean): string {
    const rest = this.#text.slice(this.#at);
    const quotedText = inClass ? null : /^\\Q([\s\S]*?)(?:\\E|$)/.exec(rest);
    if (quotedText !== null) {
      this.#take(quotedText[0].length);
      return (quotedText[1] ?? "").replace(/[\^$\\.*+?()[\]{}|/]/g, String.raw`\$&`);
    }
    const property = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(rest);
    if (property !== null) {
      this.#take(property[0].length);
      return propertyClass(property[1] as string, property[2] === "^", property[3] ?? (property[4] as string));
    }
    const code = /^\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest);
    if (code !== null) {
      this.#take(code[0].length);
      return `\\u{${code[1] ?? code[2]}}`;
    }
    const letter = this.#take(2)[1];
    return letter === undefined ? fail("") : escapedLetter(letter, inClass);
  }

  #class(): string {
    this.#take(1);
    let made = "[";
    if (this.#text[this.#at] === "^") made += this.#take(1);
    let first = true;
    for (;;) {
      const rest = this.#text.slice(this.#at, this.#at + 20);
      if (rest === "") throw new SyntaxError("a class that does not end");
      if (rest.startsWith("]") && !first) break;
      made += this.#classPart(rest, made);
      first = false;
    }
    this.#take(1);
    return `${made}]`;
  }

  #classPart(rest: string, before: string): string {
    const posix = /^\[:(\^?)(\w+):\]/.exec(rest);
    if (posix !== null) {
      this.#take(posix[0].length);
      const range = POSIX[posix[2] as string];
      if (range === undefined || posix[1] === "^") throw new SyntaxError("a class it does not know");
      return range;
    }
    if (rest.startsWith("\\")) return this.#escape(true);
    const literal = this.#take(String.fromCodePoint(this.#text.codePointAt(this.#at) as number).length);
    // A hyphen is a range only between single characters.
    if (literal === "-")
      return /^-(?:\\[dwsDWSpP]|\[:)/.test(rest) ||
        rest[1] === "]" ||
        before === "[" ||
        before === "[^" ||
        /\\[dwDWpP](?:\{\w+\})?$/.test(before)
        ? "\\-"
        : "-";
    return literal === "]" || literal === "[" || literal === "/" ? `\\${literal}` : literal;
  }
}

function escapedLetter(letter: string, inClass: boolean): string {
  switch (letter) {
    case "A":
      return String.raw`(?<![\s\S])`;
    case "z":
      return String.raw`(?![\s\S])`;
    case "s":
      return inClass ? SPACE : `[${SPACE}]`;
    case "S":
      return inClass ? fail("") : `[^${SPACE}]`;
    case "a":
      return String.raw`\x07`;
    case "d":
    case "D":
    case "w":
    case "W":
    case "b":
    case "B":
    case "n":
    case "r":
    case "t":
    case "f":
    case "v":
      return `\\${letter}`;
    default:
      break;
  }
  if (/[A-Za-z0-9]/.test(letter)) throw new SyntaxError("an escape it does not know");
  if (SYNTAX.test(letter) || (inClass && letter === "-")) return `\\${letter}`;
  return letter;
}

function propertyClass(letter: string, inverted: boolean, name: string): string {
  const sign = (letter === "P") === inverted ? "p" : "P";
  return name.length <= 2 ? `\\${sign}{${name}}` : `\\${sign}{Script=${name}}`;
}

/** Go does not match nothing right behind a match. */
export function* matchesOf(pattern: RegExp, text: string, countMax = Number.POSITIVE_INFINITY): Generator<RegExpExecArray> {
  let end = -1;
  let count = 0;
  for (const match of text.matchAll(pattern)) {
    if (count >= countMax) return;
    if (match[0] === "" && match.index === end) continue;
    end = match.index + match[0].length;
    count++;
    yield match as RegExpExecArray;
  }
}

/** `replacement`: with $1, ${name} and $$; `literal`: as it is. */
export function replaceMatches(pattern: RegExp, text: string, replacement: string, literal = false): string {
  let made = "";
  let from = 0;
  for (const match of matchesOf(pattern, text)) {
    made += text.slice(from, match.index) + (literal ? replacement : expanded(replacement, match));
    from = match.index + match[0].length;
  }
  return made + text.slice(from);
}

function expanded(replacement: string, match: RegExpExecArray): string {
  return replacement.replace(
    /\$(?:\$|\{([^}]*)\}|([\p{L}\p{Nd}_]+))/gu,
    (whole: string, braced: string | undefined, bare: string | undefined) => {
      if (whole === "$$") return "$";
      const name = braced ?? (bare as string);
      if (/^\d+$/.test(name)) return match[Number(name)] ?? "";
      return match.groups?.[name] ?? "";
    },
  );
}
