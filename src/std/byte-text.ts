/**
 * Texts that hold any bytes. A byte that is no part of valid UTF-8 stands as U+DC80…U+DCFF (a lone low surrogate), so that what systems and files
 * hold goes through templates as it is: whoever takes bytes in uses `textOf`, whoever gives them out `bytesOf`. Between the two all text is text.
 */

const ESCAPED = /[\udc80-\udcff]/u;
const ESCAPED_RUN = /[\udc80-\udcff]+/gu;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const holdsBytes = (text: string): boolean => ESCAPED.test(text);

/** The bytes it stands for. */
export function bytesOf(text: string): Uint8Array {
  if (!holdsBytes(text)) return Buffer.from(text, "utf8");
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(text, "utf8"));
  let length = 0;
  let from = 0;
  for (const { index, 0: escaped } of text.matchAll(ESCAPED_RUN)) {
    length += bytes.write(text.slice(from, index), length, "utf8");
    for (let offset = 0; offset < escaped.length; offset++) bytes[length++] = escaped.charCodeAt(offset) - 0xdc00;
    from = index + escaped.length;
  }
  length += bytes.write(text.slice(from), length, "utf8");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
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
  const units = new Uint16Array(bytes.length);
  let length = 0;
  let index = 0;
  while (index < bytes.length) {
    const size = runeSize(bytes, index);
    if (size === 0) units[length++] = 0xdc00 + (bytes[index] as number);
    else {
      const code = runeAt(bytes, index, size);
      if (code > 0xffff) units[length++] = 0xd7c0 + (code >> 10);
      units[length++] = code > 0xffff ? 0xdc00 + (code & 0x3ff) : code;
    }
    index += Math.max(1, size);
  }
  return Buffer.from(units.buffer, 0, length * 2).toString("utf16le");
}

function runeAt(bytes: Uint8Array, index: number, size: number): number {
  const first = bytes[index] as number;
  let code = size === 1 ? first : first & (0x7f >> size);
  for (let offset = 1; offset < size; offset++) code = (code << 6) | ((bytes[index + offset] as number) & 0x3f);
  return code;
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
