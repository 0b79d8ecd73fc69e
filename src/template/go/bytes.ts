/** Go's strings are bytes, ours are UTF-16, in which any bytes survive (#std byte-text.ts). */
import { bytesOf, holdsBytes, textOf } from "#std";

export { bytesOf, textOf };

const NOT_ASCII = /[^\0-\x7f]/;

/** Pieces of runes that came to stand side by side become runes again. */
export function joined(text: string): string {
  return holdsBytes(text) ? textOf(bytesOf(text)) : text;
}

export function byteLength(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length;
  return holdsBytes(text) ? bytesOf(text).length : Buffer.byteLength(text, "utf8");
}

export function runeCount(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** As Go orders strings: by their bytes. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  if (!NOT_ASCII.test(left) || !NOT_ASCII.test(right)) return left < right ? -1 : 1;
  return Buffer.compare(bytesOf(left), bytesOf(right));
}

export function sliceBytes(text: string, from: number, to: number): string {
  return NOT_ASCII.test(text) ? textOf(bytesOf(text).subarray(from, to)) : text.slice(from, to);
}
