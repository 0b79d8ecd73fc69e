/** How a file looks in a listing: "-rw-r--r--", "drwxr-xr-x", "Lrwxrwxrwx", as Go prints modes; and what it seems to hold. */
import type { Stats } from "node:fs";
import path from "node:path";

export function modeText(
  stats: Pick<Stats, "mode" | "isDirectory" | "isSymbolicLink" | "isFIFO" | "isSocket" | "isCharacterDevice" | "isBlockDevice">,
): string {
  const kinds = [
    stats.isDirectory() ? "d" : "",
    stats.isSymbolicLink() ? "L" : "",
    stats.isBlockDevice() || stats.isCharacterDevice() ? "D" : "",
    stats.isFIFO() ? "p" : "",
    stats.isSocket() ? "S" : "",
    (stats.mode & 0o4000) !== 0 ? "u" : "",
    (stats.mode & 0o2000) !== 0 ? "g" : "",
    stats.isCharacterDevice() ? "c" : "",
    (stats.mode & 0o1000) !== 0 ? "t" : "",
  ].join("");
  const bits = [..."rwxrwxrwx"].map((letter, index) => ((stats.mode & (0o400 >> index)) !== 0 ? letter : "-")).join("");
  return (kinds === "" ? "-" : kinds) + bits;
}

const BY_ENDING: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".gif": "image/gif",
  ".htm": "text/html; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webp": "image/webp",
  ".xml": "text/xml; charset=utf-8",
};

export function contentType(name: string, firstBytes: Uint8Array): string {
  const known = BY_ENDING[path.extname(name).toLowerCase()];
  if (known !== undefined) return known;
  const isText = firstBytes.every(
    (byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d || byte === 0x1b,
  );
  return isText ? "text/plain; charset=utf-8" : "application/octet-stream";
}
