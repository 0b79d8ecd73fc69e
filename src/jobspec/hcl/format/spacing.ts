/** Is there a space between two tokens of a line? One table of rules, the first that fits decides. */
import type { FormatToken } from "./tokens.ts";

interface Neighbours {
  readonly before: FormatToken | undefined;
  readonly left: FormatToken;
  readonly right: FormatToken;
}

const TEXT_LEFT = new Set(["text", "open-quote", "open-heredoc"]);
const TEXT_RIGHT = new Set(["text", "close-quote", "close-heredoc"]);
/** After one of these a minus belongs to the number behind it. */
const BEFORE_NEGATION = new Set("( { [ = : , ? + * / % - == != > >= < <= && || !".split(" "));

/** +1: opens a bracket, -1: closes one. */
export function bracketChange(token: FormatToken): -1 | 0 | 1 {
  if (token.kind === "open-sequence") return 1;
  if (token.kind === "close-sequence") return -1;
  if (token.kind !== "sign") return 0;
  if (token.text === "{" || token.text === "[" || token.text === "(") return 1;
  return token.text === "}" || token.text === "]" || token.text === ")" ? -1 : 0;
}

const is = (token: FormatToken, sign: string): boolean => token.kind === "sign" && token.text === sign;

const RULES: readonly (readonly [fits: (near: Neighbours) => boolean, space: (near: Neighbours) => boolean])[] = [
  [({ right }) => right.kind === "newline", () => false],
  // f(x), not f (x); a.b; a, b; list...
  [({ left, right }) => left.kind === "word" && is(right, "("), () => false],
  [({ left, right }) => (left.kind === "word" && is(right, "::")) || (is(left, "::") && right.kind === "word"), () => false],
  [({ left, right }) => is(left, ".") || is(right, "."), () => false],
  [({ right }) => is(right, ",") || is(right, "..."), () => false],
  [({ left }) => is(left, ","), () => true],
  [({ left, right }) => TEXT_LEFT.has(left.kind) || TEXT_RIGHT.has(right.kind), () => false],
  // [for x in [1, 2] : x] is no index of something called "in".
  [({ before, left }) => left.kind === "word" && left.text === "in" && before?.kind === "word", () => true],
  [({ left, right }) => is(right, "[") && (left.kind === "word" || left.kind === "number" || bracketChange(left) < 0), () => false],
  [({ left }) => is(left, "!"), () => false],
  [({ left }) => is(left, "-"), ({ before }) => !(before === undefined || (before.kind === "sign" && BEFORE_NEGATION.has(before.text)))],
  [({ left, right }) => is(left, "{") || is(right, "}"), ({ left, right }) => !(is(left, "{") && is(right, "}"))],
  [({ left, right }) => left.kind === "open-sequence" && is(right, "{"), () => true],
  [({ left, right }) => is(left, "}") && right.kind === "close-sequence", () => true],
  [({ left, right }) => left.kind === "close-sequence" && right.kind === "open-sequence", () => false],
  [({ left }) => bracketChange(left) > 0, () => false],
  [({ right }) => bracketChange(right) < 0, () => false],
];

export function spaceBetween(before: FormatToken | undefined, left: FormatToken, right: FormatToken): boolean {
  const near = { before, left, right };
  const rule = RULES.find(([fits]) => fits(near));
  return rule === undefined ? true : rule[1](near);
}
