/** The program a private Consul is started from. */
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { NamedError } from "#std";

const FIX =
  'Install Consul 1.14 or newer on every server (https://developer.hashicorp.com/consul/install; "npm run tools" gets one), name it with ' +
  "server { consul_path }, or name a Consul that runs already: consul { address }.";

export interface ConsulBinary {
  readonly path: string;
  /** Changes when another program stands there. */
  readonly mark: string;
}

/** Rejects with NamedError CONSUL_BINARY_MISSING. */
export async function findConsul(wanted: string, searchPath: string): Promise<ConsulBinary> {
  const places =
    wanted === ""
      ? searchPath
          .split(delimiter)
          .filter(isAbsolute)
          .map((folder) => join(folder, "consul"))
      : [wanted];
  for (const place of places) {
    try {
      await access(place, constants.X_OK);
      const path = await realpath(place);
      const status = await stat(path);
      if (status.isFile()) return { path, mark: `${path} ${status.size} ${status.mtimeMs}` };
    } catch {
      // Not this one.
    }
  }
  const why = wanted === "" ? 'no program "consul" is on PATH' : `there is no program "${wanted}"`;
  throw new NamedError("CONSUL_BINARY_MISSING", `Cannot form a cluster: ${why}, wanted one to keep the log that servers share`, {
    statusCode: 500,
    fix: FIX,
  });
}
