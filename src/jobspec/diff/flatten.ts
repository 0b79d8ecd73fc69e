/** Plain values as the text a diff shows. Pure. */

/** Name → text. A name that is missing is a value that is absent. */
export type Flat = ReadonlyMap<string, string>;

/** A scalar as text; undefined when there is nothing to show. */
export function scalarText(value: unknown): string | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  return String(value);
}

/** Free content, one entry a leaf: `args[0]`, `port_map[0][db]`. Empty lists and maps are leaves too. */
export function flattenFree(value: unknown): Flat {
  const flat = new Map<string, string>();
  for (const [key, each] of Object.entries((value ?? {}) as Record<string, unknown>)) flattenInto(flat, key, each);
  return flat;
}

/** One value under a name of its own: `Meta[owner]`, `Header[X][0]`. */
export function flattenNamed(name: string, value: unknown): Flat {
  const flat = new Map<string, string>();
  if (value === null || value === undefined) return flat;
  for (const [key, each] of Object.entries(value as Record<string, unknown>)) flattenInto(flat, `${name}[${key}]`, each);
  return flat;
}

function flattenInto(flat: Map<string, string>, name: string, value: unknown): void {
  if (typeof value !== "object" || value === null) {
    flat.set(name, String(value));
    return;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) flat.set(name, Array.isArray(value) ? "[]" : "{}");
  for (const [key, each] of entries) flattenInto(flat, `${name}[${key}]`, each);
}
