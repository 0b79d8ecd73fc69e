/** Where scripts/tools.sh put a tool, or where it found it. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export type Tool = "consul" | "bao" | "prometheus" | "initdb" | "postgres" | "psql";

const OWN = join(import.meta.dirname, "..", ".tools", "bin");
/** Debian keeps them off PATH. */
const POSTGRES = "/usr/lib/postgresql/15/bin";

/** The tool's absolute path: the pinned one of .tools/bin before any on PATH. Throws with what to do where it is in neither. */
export function toolPath(tool: Tool, searchPath = process.env["PATH"] ?? ""): string {
  const found = [OWN, POSTGRES, ...searchPath.split(delimiter).filter(Boolean)].map((folder) => join(folder, tool)).find(isExecutable);
  if (found === undefined) {
    throw new Error(`"${tool}" is neither in .tools/bin nor on PATH: run \`npm run tools\` (scripts/tools.sh), which gets it`);
  }
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
