/**
 * Opens what a path names inside a root, and never anything outside it, though a hostile task swaps any part of the path at any
 * moment (F59). Node has no openat2, so its RESOLVE_BENEATH is walked here:
 *
 * - Each component is opened by itself, below the directory already held open (`/proc/self/fd/N/name`, O_PATH | O_NOFOLLOW): the
 *   kernel resolves one name only, and what was opened is what is looked at.
 * - `..` goes back to the directory we came through, which is held open too; it is never asked of the kernel.
 * - A link's text is resolved by the same walk. Absolute links are followed only when they point into the root itself.
 *
 * Without /proc (macOS) the walk uses paths: links are still judged one by one, but a swap between look and open is not excluded.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, type Stats } from "node:fs";
import path from "node:path";
import { NamedError } from "#std";

const O_PATH = 0o10000000;
const HAS_PROC = process.platform === "linux";
const LINKS_MAX = 40;

export interface OpenedPath {
  /** Components below the root after all links, e.g. ["web", "local", "x"]; [] for the root. */
  readonly components: readonly string[];
  readonly stats: Stats;
  /** A path that means exactly what was opened, until `close`; open it again to read or write. */
  readonly handle: string;
  close(): void;
}

export interface BeneathOptions {
  /** Judges the resolved components as the walk enters them; throw to refuse. */
  readonly enter?: (components: readonly string[]) => void;
}

/** Throws FILE_OUTSIDE, FILE_NOT_FOUND, FILE_WRONG_KIND. The caller closes what it gets. */
export function openBeneath(root: string, wanted: string, options: BeneathOptions = {}): OpenedPath {
  const held: Held[] = [hold(root, root, [])];
  try {
    walk(root, wanted, held, options);
    const last = held.pop() as Held;
    return { components: last.components, stats: last.stats, handle: last.handle, close: last.close };
  } finally {
    for (const each of held) each.close();
  }
}

interface Held {
  readonly components: readonly string[];
  readonly stats: Stats;
  readonly handle: string;
  close(): void;
}

function walk(root: string, wanted: string, held: Held[], options: BeneathOptions): void {
  const left = split(wanted);
  for (let links = 0; left.length > 0;) {
    const name = left.shift() as string;
    const here = held.at(-1) as Held;
    if (name === ".") continue;
    if (name === "..") {
      if (held.length === 1) throw outside(wanted);
      (held.pop() as Held).close();
      continue;
    }
    if (!here.stats.isDirectory()) throw wrongKind(wanted, "a directory");
    const components = [...here.components, name];
    options.enter?.(components);
    const next = hold(`${here.handle}/${name}`, wanted, components);
    if (!next.stats.isSymbolicLink()) {
      held.push(next);
      continue;
    }
    next.close();
    if (++links > LINKS_MAX)
      throw new NamedError("FILE_OUTSIDE", `Cannot open "${wanted}": more than ${LINKS_MAX} links`, { statusCode: 403 });
    const target = linkText(`${here.handle}/${name}`, wanted);
    if (target === undefined) {
      left.unshift(name);
    } else if (path.isAbsolute(target)) {
      const inside = path.relative(root, target);
      if (inside === ".." || inside.startsWith("../")) throw outside(wanted);
      while (held.length > 1) (held.pop() as Held).close();
      left.unshift(...split(inside));
    } else {
      left.unshift(...split(target));
    }
  }
}

function hold(file: string, wanted: string, components: readonly string[]): Held {
  try {
    if (!HAS_PROC) return { components, stats: lstatSync(file), handle: file, close() {} };
    const fd = openSync(file, O_PATH | constants.O_NOFOLLOW);
    return {
      components,
      stats: fstatSync(fd),
      handle: `/proc/self/fd/${fd}`,
      close() {
        closeSync(fd);
      },
    };
  } catch (error) {
    throw openError(error, wanted);
  }
}

/** Undefined when it is no link any more: look again. */
function linkText(file: string, wanted: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EINVAL") return undefined;
    throw openError(error, wanted);
  }
}

function split(text: string): string[] {
  return text.split("/").filter((part) => part !== "");
}

export function openError(error: unknown, wanted: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return new NamedError("FILE_NOT_FOUND", `Cannot open "${wanted}": no such file or directory`, { statusCode: 404 });
  if (code === "ENOTDIR") return wrongKind(wanted, "a directory");
  if (code === "ENAMETOOLONG" || code === "ERR_INVALID_ARG_VALUE") {
    return new NamedError("FILE_NOT_FOUND", "Cannot open a path: it is no possible file name", { statusCode: 404 });
  }
  return error;
}

export function wrongKind(wanted: string, kind: string): NamedError {
  return new NamedError("FILE_WRONG_KIND", `Cannot open "${wanted}": it is not ${kind}`, { statusCode: 400 });
}

function outside(wanted: string): NamedError {
  return new NamedError("FILE_OUTSIDE", `Cannot open "${wanted}": it leads out of the allocation's directory`, { statusCode: 403 });
}
