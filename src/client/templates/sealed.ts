/** `${sealed.…}`: values of sensitive job variables, which stand sealed in the job. Pure. */
import type { Task } from "#model";

const MARK = /\$\{\s*(sealed\.[^\s"{}]+)\s*\}/g;

export function hasSealed(task: Task): boolean {
  return JSON.stringify(task).includes("${sealed.");
}

/** Those that the task names: "sealed.<key>.<value>". Each says one value for ever. */
export function sealedMarks(task: Task): ReadonlySet<string> {
  return new Set([...JSON.stringify(task).matchAll(MARK)].flatMap(([, name]) => (name === undefined ? [] : [name])));
}

/** By name as `${…}` says it. */
export function sealedNames(unsealed: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(unsealed).map(([name, value]) => [name.startsWith("sealed.") ? name : `sealed.${name}`, value] as const);
}

/**
 * Before rendering: a value that can stand inside an action's quotes is put in its place at once; another one when the text is rendered
 * (`unsealText`), so that no value is ever taken for a part of the template.
 */
export function unsealTemplate(text: string, names: ReadonlyMap<string, string>, delimiters: readonly string[]): string {
  return replaceMarks(text, names, (value) => !/["'`\\\n\r]/.test(value) && !delimiters.some((each) => value.includes(each)));
}

export function unsealText(text: string, names: ReadonlyMap<string, string>): string {
  return replaceMarks(text, names, () => true);
}

/** What is told of a template shows none of them. */
export function concealValues(text: string, names: ReadonlyMap<string, string>): string {
  let shown = text;
  for (const [name, value] of names) {
    if ((name.startsWith("sealed.") || name.startsWith("secret.")) && value.length > 3) shown = shown.replaceAll(value, `\${${name}}`);
  }
  return shown;
}

function replaceMarks(text: string, names: ReadonlyMap<string, string>, fits: (value: string) => boolean): string {
  if (!text.includes("${")) return text;
  return text.replace(MARK, (whole: string, name: string) => {
    const value = names.get(name);
    return value !== undefined && fits(value) ? value : whole;
  });
}
