/** `${value.user}` in names of tokens and of what a login is bound to. Nothing but names stands in the braces. */
const HOLE = /\$\{\s*([A-Za-z_][\w.-]*)\s*\}/g;

/** Is every `${` the start of a hole? */
export function interpolates(text: string): boolean {
  return !text.replace(HOLE, "").includes("${");
}

/** undefined: a name has no value. */
export function interpolate(text: string, values: Readonly<Record<string, string>>): string | undefined {
  let missing = false;
  const filled = text.replace(HOLE, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) missing = true;
    return value ?? "";
  });
  return missing ? undefined : filled;
}
