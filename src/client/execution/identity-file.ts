/** Where an identity lies in its task's directory, and what its variable is called. Pure. nomad.md §1.10, §2.1. */
import { DEFAULT_IDENTITY_NAME, type Identity } from "#model";
import { NamedError } from "#std";
import { interpolate, type Names } from "#task";
import { posix } from "node:path";
import { identityName } from "../identity/wanted.ts";

/** As the task sees its directories. */
interface Visible {
  readonly local: string;
  readonly secrets: string;
}

/** Below the task's directory. Throws NamedError FILE_OUTSIDE for a `filepath` that leads out of it, or into what is the agent's own. */
export function identityFile(identity: Pick<Identity, "Name" | "Filepath">, names: Names, visible: Visible): string {
  const name = identityName(identity);
  if (identity.Filepath === "") return name === DEFAULT_IDENTITY_NAME ? "secrets/nomad_token" : `secrets/nomad_${name}.jwt`;
  const written = interpolate(identity.Filepath, names);
  const below = relativeTo(visible.secrets, "secrets", written) ?? relativeTo(visible.local, "local", written) ?? written;
  const inside = posix.normalize(below.replace(/^\/+/, ""));
  const [first = ""] = inside.split("/");
  const namesAFile = !inside.endsWith("/") && !["", ".", "local", "secrets", "tmp"].includes(inside);
  if (namesAFile && first !== ".." && first !== "private" && first !== "alloc") return inside;
  throw new NamedError(
    "FILE_OUTSIDE",
    `Cannot write identity "${name}" to "${identity.Filepath}": it is no file in the task's own directory`,
    {
      statusCode: 403,
      fix: "Name a file below secrets/ or local/.",
    },
  );
}

export function identityVariable(identity: Pick<Identity, "Name">): string {
  const name = identityName(identity);
  return name === DEFAULT_IDENTITY_NAME ? "NOMAD_TOKEN" : `NOMAD_TOKEN_${name.replace(/[^A-Za-z0-9_]/g, "_")}`;
}

function relativeTo(directory: string, name: string, path: string): string | undefined {
  return path.startsWith(`${directory}/`) ? name + path.slice(directory.length) : undefined;
}
