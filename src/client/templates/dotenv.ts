/**
 * A rendered file of variables (`env = true`), as Nomad reads it (hashicorp/go-envparse): KEY=VALUE a line, comments, `export`. Pure.
 * nomad.md §1.10.
 *
 *   A = plain text # comment        spaces around it go; a # ends it
 *   B='as it is'                    nothing is special inside
 *   C="line\nnext \"q\" \u0041"     escapes as in JSON
 *   D=plain'and quoted '"together"  one value, in parts
 *   export E=x                      the same without export
 *
 * A value ends with its line. A later line wins. Values are never interpolated: a `$` is a `$`.
 */
import { NamedError } from "#std";

const KEY = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", "\\": "\\", '"': '"', "/": "/", "'": "'" };

type Fail = (problem: string) => NamedError;

/** Throws NamedError TEMPLATE_ENV_INVALID with the line, never with what stands in it. */
export function parseVariables(text: string, file: string): Readonly<Record<string, string>> {
  const variables = new Map<string, string>();
  for (const [at, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const fail: Fail = (problem) =>
      new NamedError("TEMPLATE_ENV_INVALID", `Cannot read variables from "${file}": line ${at + 1}: ${problem}, wanted KEY=VALUE`);
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    if (equals < 0) throw fail("there is no = in it");
    const key = line
      .slice(0, equals)
      .trim()
      .replace(/^export\s+/, "");
    if (!KEY.test(key)) throw fail("what stands before the = is no name of a variable");
    variables.set(key, valueOf(line.slice(equals + 1).trimStart(), fail));
  }
  return Object.fromEntries(variables);
}

function valueOf(text: string, fail: Fail): string {
  let value = "";
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const quote = rest[0];
    if (quote === "#") return value;
    if (quote === "'" || quote === '"') {
      const length = quote === "'" ? rest.indexOf("'", 1) : closingQuote(rest);
      if (length < 0) throw fail(`a ${quote} is not closed`);
      const inside = rest.slice(1, length);
      value += quote === "'" ? inside : unescape(inside, fail);
      at += length + 1;
      continue;
    }
    const end = rest.search(/["'#]/);
    const plain = end < 0 ? rest : rest.slice(0, end);
    const last = end < 0 || rest[end] === "#";
    value += last ? plain.trimEnd() : plain;
    if (last) return value;
    at += plain.length;
  }
  return value;
}

function closingQuote(text: string): number {
  for (let at = 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

function unescape(text: string, fail: Fail): string {
  return text.replace(/\\(u[0-9a-fA-F]{0,4}|.)/gsu, (_whole, code: string) => {
    if (!code.startsWith("u")) {
      const plain = ESCAPES[code];
      if (plain === undefined) throw fail("it has an escape that JSON does not know");
      return plain;
    }
    if (code.length !== 5) throw fail("after \\u come four hexadecimal digits");
    return String.fromCharCode(Number.parseInt(code.slice(1), 16));
  });
}
