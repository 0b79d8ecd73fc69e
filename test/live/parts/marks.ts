/** Secrets planted by a test, and where they turn up: as they are, as base64 (whatever stands around them), base64url, or hexadecimal. */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** Letters and digits only: no escaping of JSON, HCL, shells, URLs or SQL changes them. */
export function newMark(): string {
  return `m${randomBytes(14).toString("hex")}m`;
}

export interface Sighting {
  readonly mark: string;
  readonly where: string;
}

export class Marks {
  readonly #forms: { readonly name: string; readonly bytes: Buffer }[] = [];
  readonly #values = new Map<string, string>();

  /** Plants a new one; the value to use. */
  plant(name: string): string {
    return this.learn(name, newMark());
  }

  /** One that somebody else made. */
  learn(name: string, value: string): string {
    if (value.length < 16) throw new Error(`${name}: too short to be found by chance only`);
    this.#values.set(name, value);
    for (const bytes of formsOf(Buffer.from(value))) this.#forms.push({ name, bytes });
    return value;
  }

  /** Bytes that are no text. */
  learnBytes(name: string, value: Uint8Array): void {
    for (const bytes of [Buffer.from(value), ...formsOf(Buffer.from(value))]) this.#forms.push({ name, bytes });
  }

  get size(): number {
    return new Set(this.#forms.map(({ name }) => name)).size;
  }

  of(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`no mark ${name}`);
    return value;
  }

  /** Names of those that stand in it. */
  in(content: string | Uint8Array): readonly string[] {
    const bytes = typeof content === "string" ? Buffer.from(content) : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    const found = new Set<string>();
    for (const form of this.#forms) if (!found.has(form.name) && bytes.includes(form.bytes)) found.add(form.name);
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) for (const name of this.in(gunzipSync(bytes))) found.add(name);
    return [...found];
  }

  /** Every regular file below it. `skip`: paths below it nobody looks at, nor below them. */
  under(directory: string, skip: (path: string) => boolean = () => false): readonly Sighting[] {
    return [...regularFiles(directory, skip)].flatMap((path) => {
      const content = readRegular(join(directory, path));
      return content === undefined ? [] : this.in(content).map((mark) => ({ mark, where: path }));
    });
  }
}

function* regularFiles(directory: string, skip: (path: string) => boolean, below = ""): Generator<string> {
  for (const entry of readdirSync(join(directory, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (skip(path)) continue;
    if (entry.isDirectory()) yield* regularFiles(directory, skip, path);
    else if (entry.isFile()) yield path;
  }
}

const LOOKED_AT_MAX = 256 * 1024 * 1024;

/** undefined: empty, or gone. */
function readRegular(path: string): Buffer | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.size === 0) return undefined;
  if (found.size > LOOKED_AT_MAX) throw new Error(`${path} is too large to be looked through`);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const content = Buffer.alloc(found.size);
    return content.subarray(0, readSync(file, content, 0, found.size, 0));
  } finally {
    closeSync(file);
  }
}

function formsOf(value: Buffer): readonly Buffer[] {
  const texts = [value.toString("latin1"), value.toString("hex"), value.toString("hex").toUpperCase()];
  for (const before of [0, 1, 2]) {
    // What stands before shifts the letters; those at both ends depend on the neighbours.
    const encoded = Buffer.concat([Buffer.alloc(before), value])
      .toString("base64")
      .replace(/=+$/, "");
    const start = Math.ceil((before * 8) / 6);
    const whole = Math.floor(((before + value.length) * 8) / 6);
    const middle = encoded.slice(start, whole);
    texts.push(middle, middle.replaceAll("+", "-").replaceAll("/", "_"));
  }
  return [...new Set(texts)].map((text) => Buffer.from(text, "latin1"));
}
