/** Paths as templates write them → paths as Vault serves them. Pure. */
import { NamedError } from "#std";

/** Where a path leads. */
export interface Mount {
  /** "secret/"; "": not known. */
  readonly path: string;
  /** KV of version 2: values lie below data/, names below metadata/. */
  readonly isVersioned: boolean;
}

export interface WrittenPath {
  /** Without slashes at its ends. */
  readonly path: string;
  /** "version=2"; "" for none. */
  readonly query: string;
}

/** "/secret/app?version=2" → its parts. Throws THING_INVALID for one that leads nowhere. */
export function readWritten(name: string): WrittenPath {
  const at = name.indexOf("?");
  const path = (at < 0 ? name : name.slice(0, at)).trim().replaceAll(/^\/+|\/+$/g, "");
  const wrong =
    path === ""
      ? "it is empty"
      : path.split("/").some((part) => part === "" || part === "." || part === "..")
        ? "it has an empty or a dotted part"
        : "";
  if (wrong !== "") {
    throw new NamedError("THING_INVALID", `Cannot look ${JSON.stringify(name)} up in Vault: no path: ${wrong}`, {
      statusCode: 400,
      fix: 'Write it as Vault has it: secret "secret/data/app", or secret "secret/app".',
    });
  }
  return { path, query: at < 0 ? "" : name.slice(at + 1) };
}

/**
 * On a KV of version 2 `secret/app` means `secret/data/app` (to list: `secret/metadata/app`). Who says data/ or metadata/ is taken at their
 * word.
 */
export function served(path: string, mount: Mount, below: "data" | "metadata"): string {
  if (!mount.isVersioned) return path;
  const root = mount.path.replace(/\/$/, "");
  if (path === root) return `${root}/${below}`;
  const rest = path.slice(root.length + 1);
  const kept = below === "metadata" ? ["metadata"] : ["data", "metadata"];
  return kept.some((word) => rest === word || rest.startsWith(`${word}/`)) ? path : `${root}/${below}/${rest}`;
}

/** Of a path whose mount is not known: where it would lie if its first part were a KV of version 2; undefined: it says so itself. */
export function servedPerhaps(path: string, mount: Mount, below: "data" | "metadata"): string | undefined {
  if (mount.path !== "") return undefined;
  const perhaps = served(path, { path: `${path.split("/")[0]}/`, isVersioned: true }, below);
  return perhaps === path ? undefined : perhaps;
}

/** As it stands in a URL. */
export function encoded({ path, query }: WrittenPath): string {
  const whole = path
    .split("/")
    .map((part) => encodeURIComponent(part))
    .join("/");
  return query === "" ? whole : `${whole}?${new URLSearchParams(query).toString()}`;
}
