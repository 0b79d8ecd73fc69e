/** The words of a filter expression, with where they stand. */
import { filterError } from "./filter-error.ts";

export type Token =
  | { readonly kind: "word"; readonly text: string; readonly at: number }
  | { readonly kind: "string"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly text: string; readonly at: number }
  | { readonly kind: "sign"; readonly text: string; readonly at: number }
  | { readonly kind: "end"; readonly text: ""; readonly at: number };

const PATTERNS: readonly (readonly [Token["kind"], RegExp])[] = [
  ["word", /[A-Za-z_][A-Za-z0-9_/-]*/y],
  ["number", /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![A-Za-z0-9_])/y],
  ["sign", /==|!=|[().[\]{},]/y],
];

export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    if (/\s/.test(source[at] as string)) {
      at++;
      continue;
    }
    const token = quoted(source, at) ?? plain(source, at);
    tokens.push(token.token);
    at = token.end;
  }
  tokens.push({ kind: "end", text: "", at });
  return tokens;
}

function plain(source: string, at: number): { token: Token; end: number } {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match !== null) return { token: { kind, text: match[0], at } as Token, end: at + match[0].length };
  }
  throw filterError(source, at, `unexpected character ${JSON.stringify(source[at])}`);
}

/** "…" with Go's escapes, or `…` as it stands. */
function quoted(source: string, at: number): { token: Token; end: number } | undefined {
  const quote = source[at];
  if (quote === "`") {
    const close = source.indexOf("`", at + 1);
    if (close < 0) throw filterError(source, at, "the string is not closed");
    return { token: { kind: "string", text: source.slice(at + 1, close), at }, end: close + 1 };
  }
  if (quote !== '"') return undefined;
  let end = at + 1;
  while (end < source.length && source[end] !== '"') end += source[end] === "\\" ? 2 : 1;
  if (end >= source.length) throw filterError(source, at, "the string is not closed");
  return { token: { kind: "string", text: unescape(source, at, source.slice(at + 1, end)), at }, end: end + 1 };
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  '"': '"',
  "\\": "\\",
  "'": "'",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

function unescape(source: string, at: number, text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gs, (all, hex?: string, unicode?: string, plain?: string) => {
    if (hex !== undefined || unicode !== undefined) return String.fromCharCode(Number.parseInt((hex ?? unicode) as string, 16));
    const value = ESCAPES[plain as string];
    if (value === undefined) throw filterError(source, at, `unknown escape ${JSON.stringify(all)}`);
    return value;
  });
}
