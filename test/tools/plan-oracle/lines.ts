/**
 * A job diff as lines: `job/web/t/Env[FOO]` → `Edited "1" → "2"`, `job/web` → `Edited, ignore 2`, an object's own line is its type. Objects
 * of one name are numbered.
 */
interface DiffNode {
  readonly Type: string;
  readonly Name?: string;
  readonly Old?: string;
  readonly New?: string;
  readonly Annotations?: readonly string[] | null;
  readonly Updates?: Readonly<Record<string, number>> | null;
  readonly Fields?: readonly DiffNode[] | null;
  readonly Objects?: readonly DiffNode[] | null;
  readonly TaskGroups?: readonly DiffNode[] | null;
  readonly Tasks?: readonly DiffNode[] | null;
}
export type Lines = Readonly<Record<string, string>>;

export function linesOf(diff: unknown): Lines {
  const lines: Record<string, string> = {};
  if (diff !== null && diff !== undefined) gather(diff as DiffNode, "job", lines);
  return lines;
}

function gather(node: DiffNode, path: string, into: Record<string, string>): void {
  let key = path;
  for (let number = 2; Object.hasOwn(into, key); number += 1) key = `${path}#${number}`;
  const values = node.Old === undefined ? "" : ` ${JSON.stringify(node.Old)} → ${JSON.stringify(node.New)}`;
  const updates = Object.entries(node.Updates ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const words = [...(node.Annotations ?? []), ...updates.map(([word, count]) => `${word} ${count}`)];
  into[key] = [`${node.Type}${values}`, ...words].join(", ");
  for (const part of ["Fields", "Objects", "TaskGroups", "Tasks"] as const) {
    for (const each of node[part] ?? []) gather(each, `${key}/${each.Name ?? ""}`, into);
  }
}
