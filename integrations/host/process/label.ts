/**
 * Names under which the host's own tables (cgroups, runc, files) carry a task. A task's id may hold anything; these tables
 * allow little. One agent never sees another agent's tasks: the names stand below a label made from its state directory.
 */
import { createHash } from "node:crypto";
import path from "node:path";

/** Every byte outside [A-Za-z0-9._-] becomes `+hh`: fit for a file, a cgroup and a runc container; reversible. */
export function nameOf(id: string): string {
  return [...Buffer.from(id, "utf8")]
    .map((byte) =>
      /[A-Za-z0-9._-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `+${byte.toString(16).padStart(2, "0")}`,
    )
    .join("");
}

export function idOf(name: string): string {
  return Buffer.from(
    name.replaceAll(/\+([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");
}

/** Eight hex digits that stand for this agent. */
export function ownerLabel(stateDirectory: string): string {
  return createHash("sha256").update(path.resolve(stateDirectory)).digest("hex").slice(0, 8);
}
