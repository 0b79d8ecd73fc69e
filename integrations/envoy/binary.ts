/** The node's own Envoy: where it is, and what it says of itself. Looked at again each minute: it may be installed, or replaced, while we run. */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, realpath } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { messageOf } from "#std";

export interface BinaryPlace {
  /** PATH of the agent. */
  readonly searchPath: string;
  /** client { envoy_path }; "": the one on the search path. */
  readonly envoyPath: string;
}

export type Binary =
  | { readonly found: "runs"; readonly path: string; readonly version: string }
  | { readonly found: "broken"; readonly path: string; readonly problem: string }
  | { readonly found: "none"; readonly wanted: string };

const VERSION_WAIT_MS = 10_000;

export async function findBinary({ searchPath, envoyPath }: BinaryPlace): Promise<Binary> {
  const places =
    envoyPath === ""
      ? searchPath
          .split(delimiter)
          .filter(isAbsolute)
          .map((folder) => join(folder, "envoy"))
      : [envoyPath];
  for (const place of places) {
    if (!(await isExecutable(place))) continue;
    // Shown in a chroot at its own place: a link would lead to nothing there.
    const path = await realpath(place);
    const asked = await versionOf(path);
    if ("version" in asked) return { found: "runs", path, version: asked.version };
    return { found: "broken", path, problem: asked.problem };
  }
  return { found: "none", wanted: envoyPath };
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionOf(path: string): Promise<{ readonly version: string } | { readonly problem: string }> {
  const { promise, resolve } = Promise.withResolvers<{ readonly version: string } | { readonly problem: string }>();
  execFile(path, ["--version"], { timeout: VERSION_WAIT_MS, env: {} }, (failure, stdout, stderr) => {
    // "…/envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL"
    const version = /version:\s*[0-9a-f]+\/([0-9][^/\s]*)/.exec(stdout)?.[1];
    if (failure === null && version !== undefined) resolve({ version });
    else {
      const [said] = stderr.trim().split("\n");
      const problem = said !== undefined && said !== "" ? said : failure === null ? "it says no version" : messageOf(failure);
      resolve({ problem: problem.slice(0, 300) });
    }
  });
  return promise;
}
