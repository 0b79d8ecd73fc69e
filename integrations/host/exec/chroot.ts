/**
 * What of the host a task sees: directories bound read-only, links as links (on merged-/usr machines /bin is one), files.
 * nomad.md §2.4.
 */
import { lstatSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import path from "node:path";
import { NamedError } from "#std";
import { isExecutable } from "../process/executable.ts";

export interface ChrootEntry {
  readonly host: string;
  readonly inside: string;
  readonly kind: "directory" | "file" | "link";
  /** Of a link. */
  readonly target: string;
}

export const DEFAULT_CHROOT: Readonly<Record<string, string>> = Object.fromEntries(
  ["/bin", "/etc", "/lib", "/lib32", "/lib64", "/run/resolvconf", "/run/systemd/resolve", "/sbin", "/usr"].map((each) => [each, each]),
);

/** Where the task's own things are; nothing of the host may come over them. */
const OWN = ["/alloc", "/local", "/secrets", "/private", "/tmp", "/proc", "/dev", "/sys"];

const SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Looks at the host; what it does not have is left out. */
export function chrootEntries(wanted: Readonly<Record<string, string>>): ChrootEntry[] {
  const map = Object.keys(wanted).length === 0 ? DEFAULT_CHROOT : wanted;
  return Object.entries(map).flatMap(([host, place]): ChrootEntry[] => {
    const inside = path.posix.resolve("/", place);
    if (inside === "/" || OWN.some((own) => inside === own || inside.startsWith(`${own}/`))) {
      throw new NamedError("DRIVER_TASK_INVALID", `Cannot bind "${host}" to "${place}": that place in the chroot is the task's own`, {
        statusCode: 400,
      });
    }
    try {
      const stats = lstatSync(host);
      // A link among the entries keeps pointing where it did; one to elsewhere would dangle, so what it means is bound.
      if (stats.isSymbolicLink() && isCovered(readlinkSync(host), host, map))
        return [{ host, inside, kind: "link", target: readlinkSync(host) }];
      return [{ host, inside, kind: stats.isFile() ? "file" : "directory", target: "" }];
    } catch {
      return [];
    }
  });
}

function isCovered(target: string, host: string, map: Readonly<Record<string, string>>): boolean {
  const meant = path.resolve(path.dirname(host), target);
  return Object.entries(map).some(([each, place]) => each !== host && each === place && (meant === each || meant.startsWith(`${each}/`)));
}

/** Links and mount points are made in the task's directory; what stands there already is left. */
export function makeChrootLinks(taskDirectory: string, entries: readonly ChrootEntry[]): void {
  for (const entry of entries) {
    if (entry.kind !== "link") continue;
    const file = path.join(taskDirectory, entry.inside);
    mkdirSync(path.dirname(file), { recursive: true });
    try {
      symlinkSync(entry.target, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/**
 * The command's path inside: as given if it is a path; from /local, / or the search path otherwise. A name that is found
 * nowhere stays as it is, and the runtime says so in its own words.
 */
export function findInside(
  command: string,
  taskDirectory: string,
  searchPath: string | undefined,
  entries: readonly ChrootEntry[],
): string {
  if (command.startsWith("/")) return command;
  const inTask = [`/local/${command}`, `/${command}`].find((inside) =>
    isExecutable(path.join(taskDirectory, path.posix.normalize(inside))),
  );
  if (inTask !== undefined) return path.posix.normalize(inTask);
  if (command.includes("/")) return path.posix.resolve("/", command);
  return (
    (searchPath ?? SEARCH)
      .split(":")
      .filter((directory) => directory.startsWith("/"))
      .map((directory) => path.posix.join(directory, command))
      .find((inside) => isExecutable(hostPath(inside, taskDirectory, entries))) ?? command
  );
}

/** What a path inside means on the host, as far as the entries tell. */
function hostPath(inside: string, taskDirectory: string, entries: readonly ChrootEntry[]): string {
  const entry = entries.find((each) => inside === each.inside || inside.startsWith(`${each.inside}/`));
  return entry === undefined ? path.join(taskDirectory, inside) : path.join(entry.host, inside.slice(entry.inside.length));
}
