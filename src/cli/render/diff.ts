/**
 * A job's diff as text: `+` added, `-` deleted, `+/-` edited, nothing for context. nomad.md §4.4 (job plan).
 * Fields of things that are wholly new or gone are shown only when `verbose`.
 */
import type { DiffType, FieldDiff, JobDiff, ObjectDiff, TaskDiff, TaskGroupDiff } from "#model";
import type { Palette } from "./colour.ts";

export interface DiffStyle {
  readonly colours: Palette;
  readonly verbose: boolean;
}

/** Ends without a line end. */
export function renderJobDiff(diff: JobDiff, style: DiffStyle): string {
  const lines = [`${mark(diff.Type, style)}${style.colours.bold(`Job: ${quote(diff.ID)}`)}`];
  if (showsContent(diff.Type, style)) lines.push(...content(diff, "", style));
  for (const group of diff.TaskGroups) lines.push(...taskGroup(group, style));
  return lines.join("\n");
}

function taskGroup(diff: TaskGroupDiff, style: DiffStyle): string[] {
  const updates = Object.entries(diff.Updates)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([kind, count]) => paintUpdate(kind, `${count} ${kind}`, style.colours));
  const suffix = updates.length === 0 ? "" : ` (${updates.join(", ")})`;
  const lines = [`${mark(diff.Type, style)}${style.colours.bold(`Task Group: ${quote(diff.Name)}`)}${suffix}`];
  if (showsContent(diff.Type, style)) lines.push(...content(diff, "  ", style));
  for (const each of diff.Tasks) {
    if (each.Type === "None" && !style.verbose && each.Annotations.length === 0 && each.Fields.length + each.Objects.length === 0) {
      lines.push(`  ${mark(each.Type, style)}${style.colours.bold(`Task: ${quote(each.Name)}`)}`);
      continue;
    }
    lines.push(...task(each, style));
  }
  // A blank line after each group sets the groups apart.
  lines.push("");
  return lines;
}

function task(diff: TaskDiff, style: DiffStyle): string[] {
  const lines = [
    `  ${mark(diff.Type, style)}${style.colours.bold(`Task: ${quote(diff.Name)}`)}${annotations(diff.Annotations, style.colours)}`,
  ];
  if (showsContent(diff.Type, style)) lines.push(...content(diff, "    ", style));
  return lines;
}

function content(
  diff: { readonly Fields: readonly FieldDiff[]; readonly Objects: readonly ObjectDiff[] },
  indent: string,
  style: DiffStyle,
): string[] {
  const nameWidth = Math.max(0, ...[...diff.Fields, ...diff.Objects].map((each) => each.Name.length));
  const markWidth = Math.max(0, ...[...diff.Fields, ...diff.Objects].map((each) => plainMark(each.Type).length));
  const lines = diff.Fields.map((field) => {
    const value =
      field.Type === "Edited" ? `${quote(field.Old)} => ${quote(field.New)}` : quote(field.Type === "Deleted" ? field.Old : field.New);
    return `${indent}${padded(field.Type, markWidth, style)}${field.Name}: ${" ".repeat(nameWidth - field.Name.length)}${value}${annotations(field.Annotations, style.colours)}`;
  });
  for (const object of diff.Objects) {
    lines.push(`${indent}${padded(object.Type, markWidth, style)}${object.Name} {`);
    lines.push(...content(object, `${indent}  `, style));
    lines.push(`${indent}${" ".repeat(markWidth)}}`);
  }
  return lines;
}

function showsContent(type: DiffType, style: DiffStyle): boolean {
  return style.verbose || type === "Edited";
}

function plainMark(type: DiffType): string {
  switch (type) {
    case "Added":
      return "+ ";
    case "Deleted":
      return "- ";
    case "Edited":
      return "+/- ";
    case "None":
      return "";
  }
}

function mark(type: DiffType, style: DiffStyle): string {
  return paintMark(type, plainMark(type), style.colours);
}

function padded(type: DiffType, width: number, style: DiffStyle): string {
  const text = plainMark(type);
  return paintMark(type, text, style.colours) + " ".repeat(width - text.length);
}

function paintMark(type: DiffType, text: string, colours: Palette): string {
  switch (type) {
    case "Added":
      return colours.green(text);
    case "Deleted":
      return colours.red(text);
    case "Edited":
      return colours.yellow(text);
    case "None":
      return text;
  }
}

function annotations(all: readonly string[], colours: Palette): string {
  if (all.length === 0) return "";
  const painted = all.map((each) => paintUpdate(each.replace(/^forces /, ""), each, colours));
  return ` (${painted.join(", ")})`;
}

function paintUpdate(kind: string, text: string, colours: Palette): string {
  switch (kind) {
    case "create":
      return colours.green(text);
    case "destroy":
      return colours.red(text);
    case "in-place update":
    case "migrate":
    case "canary":
      return colours.blue(text);
    case "create/destroy update":
      return colours.yellow(text);
    default:
      return text;
  }
}

function quote(value: string): string {
  return JSON.stringify(value);
}
