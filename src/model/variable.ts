/**
 * A variable: a few named texts under a path, kept sealed. Wire names are the API's (/v1/var/:path). nomad.md §3.2, §7 "Variables".
 */
import type { Namespace } from "./ids.ts";

export interface VariableLock {
  readonly ID: string;
  /** As the API writes them: "15s". */
  readonly TTL: string;
  readonly LockDelay: string;
}

export interface VariableMetadata {
  readonly Namespace: Namespace;
  readonly Path: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  /** Unix nanoseconds. */
  readonly CreateTime: number;
  readonly ModifyTime: number;
  /** Left out: nobody holds it. Its ID is shown to the holder alone. */
  readonly Lock?: VariableLock;
}

export interface Variable extends VariableMetadata {
  /** Secrets. */
  readonly Items: Readonly<Record<string, string>>;
}

/** As the state holds it: unreadable without the root key. */
export interface SealedVariable {
  readonly Namespace: Namespace;
  readonly Path: string;
  /** The root key it is sealed with. */
  readonly KeyID: string;
  /** AES-256-GCM of the items as JSON; namespace and path are authenticated with it. base64 of nonce, text, tag. */
  readonly Data: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  /** Unix nanoseconds. */
  readonly CreateTime: number;
  readonly ModifyTime: number;
  /** TTL and LockDelay in nanoseconds. null: not locked. */
  readonly Lock: { readonly ID: string; readonly TTL: number; readonly LockDelay: number } | null;
  /** Unix nanoseconds: until then nobody gets the lock (its holder was lost). 0: none. */
  readonly LockFreeAt: number;
}

/** Why a variable cannot be written there, or null. Paths under "nomad" have a meaning to the servers. nomad.md §7. */
export function variablePathProblem(path: string): string | null {
  if (!VARIABLE_PATH.test(path)) return "a path has 1 to 128 letters, digits, and - _ ~ /";
  if (path.startsWith("/") || path.endsWith("/") || path.includes("//")) return "a path has no empty parts";
  const [top, kind, ...rest] = path.split("/");
  if (top !== "nomad" || kind === "jobs") return null;
  if (kind === undefined) return '"nomad" is kept for Nomad\'s own: "nomad/jobs" and what is below it can be written';
  if (kind !== "job-templates") return 'below "nomad" there are only "nomad/jobs" and "nomad/job-templates"';
  return rest.length === 1 ? null : 'job templates are one level below "nomad/job-templates"';
}

/** Of all items' names and values. */
export const VARIABLE_BYTES_MAX = 64 * 1024;
export const VARIABLE_PATH = /^[a-zA-Z0-9\-_~/]{1,128}$/;
