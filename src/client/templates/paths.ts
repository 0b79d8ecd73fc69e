/**
 * Where a template's file lies, and where its text comes from. Pure. nomad.md §1.10, §2.2: NOMAD_*_DIR may stand in both, as the task sees
 * them or as the node does; nothing outside the task's own directory and the shared one is ever named.
 */
import { NamedError } from "#std";
import { interpolate, type Names } from "#task";
import { posix } from "node:path";
import type { visiblePaths } from "../execution/place.ts";

export interface TemplatePaths {
  readonly names: Names;
  readonly allocationDirectory: string;
  readonly task: string;
  readonly visible: ReturnType<typeof visiblePaths>;
}

/** `root` is trusted, `path` relative to it. */
export interface Located {
  readonly root: string;
  readonly path: string;
}

/** Throws NamedError FILE_OUTSIDE. */
export function destinationOf(written: string, paths: TemplatePaths): Located {
  const inside = inAllocation(interpolate(written, paths.names), paths, true);
  if (inside === undefined) throw outside("write a template to", written, "its destination escapes the task's directory");
  return inside;
}

/** undefined: outside of the allocation, by an absolute path; it is the operator who allows that. Throws NamedError FILE_OUTSIDE. */
export function sourceOf(written: string, paths: TemplatePaths, anywhere: boolean): Located {
  const text = interpolate(written, paths.names);
  const inside = inAllocation(text, paths, false);
  if (inside !== undefined) return inside;
  if (!anywhere) throw outside("read a template from", written, "its source escapes the task's directory");
  const whole = posix.resolve(posix.join(paths.allocationDirectory, paths.task), text);
  return { root: posix.dirname(whole), path: posix.basename(whole) };
}

/** `rebase`: an absolute path is meant from the task's directory. */
function inAllocation(text: string, { allocationDirectory, task, visible }: TemplatePaths, rebase: boolean): Located | undefined {
  const own = posix.join(allocationDirectory, task);
  const shared = posix.join(allocationDirectory, "alloc");
  const steps: readonly (readonly [string, string])[] = [
    [visible.local, posix.join(own, "local")],
    [visible.secrets, posix.join(own, "secrets")],
    [visible.shared, shared],
    [own, own],
    [shared, shared],
  ];
  const normal = posix.normalize(text);
  const mapped = steps.flatMap(([from, to]) => (within(from, normal) ? [posix.join(to, normal.slice(from.length))] : []))[0];
  // Out of the task's directory by way of it: meant so, and refused.
  if (mapped === undefined && within(allocationDirectory, normal)) return undefined;
  const whole = mapped ?? (posix.isAbsolute(normal) && !rebase ? normal : posix.join(own, normal));
  // The task sees the shared directory inside its own.
  const seen = within(posix.join(own, "alloc"), whole) ? posix.join(shared, whole.slice(own.length + "/alloc".length)) : whole;
  for (const root of [own, shared]) {
    if (!within(root, seen) || seen === root) continue;
    const path = seen.slice(root.length + 1);
    const [first] = path.split("/");
    const forbidden = root === own && (first === "private" || ["local", "secrets", "tmp"].includes(path));
    return forbidden || path.endsWith("/") ? undefined : { root, path };
  }
  return undefined;
}

function within(directory: string, path: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function outside(action: string, written: string, problem: string): NamedError {
  return new NamedError("FILE_OUTSIDE", `Cannot ${action} "${written}": ${problem}`, {
    statusCode: 403,
    fix: "Name a file below local/, secrets/ or ${NOMAD_ALLOC_DIR}.",
  });
}
