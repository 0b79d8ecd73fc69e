/** Where scripts/tools.sh put a tool, or where it found it. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export type Tool = "consul" | "bao" | "envoy" | "http-app" | "nomad" | "prometheus" | Docker | "initdb" | "postgres" | "psql" | System;
type Docker = "dockerd" | "docker" | "docker-init" | "docker-proxy" | "containerd" | "containerd-shim-runc-v2";
type System = "busybox" | "chromium" | "conntrack" | "ip" | "iptables" | "iptables-save" | "nsenter" | "runc" | "tcpdump";

const OWN = join(import.meta.dirname, "..", ".tools", "bin");
/** Debian's Docker, unpacked: it stands before PATH for a daemon that looks for its own programs there. */
export const DOCKER_PROGRAMS = join(import.meta.dirname, "..", ".tools", "docker", "bin");
/** Debian keeps these off PATH, and others off the PATH of who is not root. */
const KNOWN = ["/usr/lib/postgresql/15/bin", "/usr/sbin", "/sbin"];
/** Where `npm run tools` finds the CNI plugins or puts them. */
const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"];

/** The tool's absolute path: the pinned one of .tools/bin before any on PATH. Throws with what to do where it is in neither. */
export function toolPath(tool: Tool, searchPath = process.env["PATH"] ?? ""): string {
  const folders = [OWN, DOCKER_PROGRAMS, ...searchPath.split(delimiter).filter(Boolean), ...KNOWN];
  const found = folders.map((folder) => join(folder, tool)).find(isExecutable);
  if (found === undefined) {
    throw new Error(`"${tool}" is neither below .tools nor on PATH: run \`npm run tools\` (scripts/tools.sh), which gets it`);
  }
  return found;
}

/** The folder of the CNI plugins, for `client { cni_path }`. Throws with what to do where there is none. */
export function cniFolder(): string {
  const found = CNI_FOLDERS.find((folder) => isExecutable(join(folder, "bridge")));
  if (found === undefined) throw new Error(`no CNI plugins in ${CNI_FOLDERS.join(" or ")}: run \`npm run tools cni\`, which gets them`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
