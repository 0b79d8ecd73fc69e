/**
 * Claims of a login → what selectors and names are read from: `value.<name>` (texts), `list.<name>` (lists of texts). A claim is named, or found
 * by a JSON pointer ("/groups/0/name"). Pure. nomad.md §7 (SSO).
 */
import type { AclAuthMethodConfig } from "#model";

export interface Selectable {
  readonly value: Readonly<Record<string, string>>;
  readonly list: Readonly<Record<string, readonly string[]>>;
}

export type Claims = Readonly<Record<string, unknown>>;

export function selectableOf(
  claims: Claims,
  { ClaimMappings, ListClaimMappings }: Pick<AclAuthMethodConfig, "ClaimMappings" | "ListClaimMappings">,
): Selectable {
  const value: Record<string, string> = {};
  const list: Record<string, readonly string[]> = {};
  for (const [claim, name] of Object.entries(ClaimMappings)) {
    const text = textOf(claimAt(claims, claim));
    // One that is mapped is there, if empty: a selector may ask for it.
    value[name] = text ?? "";
  }
  for (const [claim, name] of Object.entries(ListClaimMappings)) {
    const found = claimAt(claims, claim);
    const items = Array.isArray(found) ? (found as unknown[]) : [found];
    list[name] = items.flatMap((item) => textOf(item) ?? []);
  }
  return { value, list };
}

function claimAt(claims: Claims, path: string): unknown {
  if (!path.startsWith("/") || Object.hasOwn(claims, path)) return Object.hasOwn(claims, path) ? claims[path] : undefined;
  let at: unknown = claims;
  for (const part of path.slice(1).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}
