/** The machine this agent runs on, for GET /v1/agent/host. Only what helps to find out what is wrong; secrets are blanked. */
import { readFile, statfs } from "node:fs/promises";
import { networkInterfaces, type as osType, release, version as osVersion } from "node:os";
import type { AgentHostAnswer } from "#api/contract";

const TEXT_BYTES_MAX = 64 * 1024;
const MIB = 1024 * 1024;

/** As a configuration's templates are told them. */
export function networkAddressesOfMachine() {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map((each) => ({ interface: name, address: each.address, family: each.family, loopback: each.internal })),
  );
}

/** `paths`: whose file systems are told, besides the root's. */
export async function hostFacts(
  environment: Readonly<Record<string, string | undefined>>,
  paths: readonly string[],
): Promise<AgentHostAnswer["HostData"]> {
  const disks = await Promise.all(["/", ...paths.filter((path) => path !== "")].map(diskOf));
  return {
    OS: `${osType()} ${release()} ${osVersion()}`,
    Network: Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
      (addresses ?? []).map((each) => ({ name, address: each.address, family: each.family, mac: each.mac })),
    ),
    ResolvConf: await textOf("/etc/resolv.conf"),
    Hosts: await textOf("/etc/hosts"),
    Environment: Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, SHOWN_VARIABLES.test(name) ? (value ?? "") : "<redacted>"]),
    ),
    Disk: Object.fromEntries(disks.flat()),
  };
}

/** Whatever is not known to be harmless may be a secret, whatever its name. */
const SHOWN_VARIABLES =
  /^(PATH|HOME|USER|LOGNAME|SHELL|PWD|LANG|LC_\w+|TZ|TERM|HOSTNAME|NODE_VERSION|INVOCATION_ID|NOMAD_(ADDR|REGION|NAMESPACE)|DROVER_\w*(DIR|DEBUG|SCALE))$/;

async function diskOf(path: string): Promise<readonly (readonly [string, { readonly DiskMB: number; readonly UsedMB: number }])[]> {
  try {
    const { blocks, bfree, bsize } = await statfs(path);
    return [[path, { DiskMB: Math.round((blocks * bsize) / MIB), UsedMB: Math.round(((blocks - bfree) * bsize) / MIB) }]];
  } catch {
    return [];
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).slice(0, TEXT_BYTES_MAX);
  } catch {
    return "";
  }
}
