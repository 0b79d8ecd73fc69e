/** POSIX (ustar) archives of a few small files, whole in memory: snapshots, captures for support. Pure. */

const BLOCK_BYTES = 512;

/** `mode` is 0600 where none is said. */
export function tarOf(
  files: readonly { readonly name: string; readonly content: Buffer; readonly mode?: number }[],
  modifiedMs: number,
): Buffer {
  const blocks = files.flatMap(({ name, content, mode = 0o600 }) => [
    header(name, content.length, modifiedMs, mode),
    content,
    Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}

/** Name, mode, owner, size, time, checksum, type, magic: numbers in octal text. */
function header(name: string, size: number, modifiedMs: number, mode: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  block.write(name, 0, 100, "utf8");
  block.write(`${octal(mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100, "latin1");
  block.write(`${octal(size, 11)}\0${octal(Math.floor(modifiedMs / 1000), 11)}\0`, 124, "latin1");
  block.write("        0", 148, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return block;
}

/** Plain files as tarOf writes them. Throws Error for what is cut off or no tar. */
export function readTar(archive: Buffer): { readonly name: string; readonly content: Buffer }[] {
  const files: { readonly name: string; readonly content: Buffer }[] = [];
  let at = 0;
  while (at + BLOCK_BYTES <= archive.length) {
    const block = archive.subarray(at, at + BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) return files;
    const text = (from: number, length: number) => block.toString("utf8", from, from + length).replace(/\0.*$/s, "");
    if (text(257, 5) !== "ustar") throw new Error("it is not a tar archive");
    const size = Number.parseInt(text(124, 12), 8);
    if (at + BLOCK_BYTES + size > archive.length) break;
    files.push({ name: text(0, 100), content: archive.subarray(at + BLOCK_BYTES, at + BLOCK_BYTES + size) });
    at += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  throw new Error("it is cut off");
}
