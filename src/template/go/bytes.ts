/**
 * Go's strings are bytes, ours are UTF-16. A byte that is no part of valid UTF-8 stands as U+DC80…U+DCFF (a lone low surrogate), so that any
 * bytes survive in a string. Whoever writes a template's output to a file that holds binary uses `bytesOf`.
 */

const ESCAPED = /[\udc80-\udcff]/u;
const NOT_ASCII = /[^\0-\x7f]/;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The string's bytes, as Go would hold them. */
export function bytesOf(text: string): Uint8Array {
  if (!ESCAPED.test(text)) return Buffer.from(text, "utf8");
  const bytes: number[] = [];
  for (const rune of text) {
    const code = rune.codePointAt(0) as number;
    if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00);
    else bytes.push(...Buffer.from(rune, "utf8"));
  }
  return Uint8Array.from(bytes);
}

/** The string that stands for these bytes. */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return textOfMixed(bytes);
  }
}

function textOfMixed(bytes: Uint8Array): string {
  let text = "";
  let index = 0;
  while (index < bytes.length) {
    const size = runeSize(bytes, index);
    text += size === 0 ? String.fromCharCode(0xdc00 + (bytes[index] as number)) : decoder.decode(bytes.subarray(index, index + size));
    index += Math.max(1, size);
  }
  return text;
}

/** Bytes of the valid rune that begins here; 0: none does. */
function runeSize(bytes: Uint8Array, index: number): number {
  const first = bytes[index] as number;
  if (first < 0x80) return 1;
  const size = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (size === 0 || index + size > bytes.length) return 0;
  for (let offset = 1; offset < size; offset++) {
    if (((bytes[index + offset] as number) & 0xc0) !== 0x80) return 0;
  }
  const second = bytes[index + 1] as number;
  const excluded =
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f);
  return excluded ? 0 : size;
}

/** Pieces of runes that came to stand side by side become runes again. */
export function joined(text: string): string {
  return ESCAPED.test(text) ? textOf(bytesOf(text)) : text;
}

export function byteLength(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length;
  return ESCAPED.test(text) ? bytesOf(text).length : Buffer.byteLength(text, "utf8");
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
