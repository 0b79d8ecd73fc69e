/**
 * A task begins again (it crashed), and what its templates look at cannot be had: a Vault that is away, a key that was taken away. What the process
 * before was last told of still lies in its files, and is as good as it was for that process (F51). Only what is exactly that counts: not what the
 * task or anybody else wrote there since, and nothing from secrets/ after a reboot, for it is not there any more.
 */
import { thingKey, type Disk } from "#ports";
import { textOf } from "#std";
import type { Fact } from "#template";
import { readRendered } from "./files.ts";
import type { PreparedTemplate, Standing } from "./task-templates.ts";
import { digestOf, type ToldRecord } from "./told.ts";

/** What is looked at for so long may be a while: then the last render does. */
export const NEWER_WAIT_MS = 10_000;

/** By the template's name: the text in its file. */
export async function lastRenders(
  disk: Disk,
  told: ToldRecord,
  templates: readonly PreparedTemplate[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const each of templates) {
    const digest = told.digests[each.name];
    const bytes = digest === undefined ? undefined : await readRendered(disk, each);
    if (bytes !== undefined && digestOf(bytes) === digest) found.set(each.name, textOf(bytes));
  }
  return found;
}

/** It could not be rendered, and nobody knows when it can be. `late`: it was waited for. Pure. */
export function nothingNewer(
  { missing, problem }: Pick<Standing, "missing" | "problem">,
  facts: ReadonlyMap<string, Fact>,
  problems: ReadonlyMap<string, string>,
  late: boolean,
): boolean {
  if (problem !== undefined) return true;
  // What nobody has answered about yet may be there in a moment.
  return missing.length > 0 && missing.every((thing) => late || problems.has(thingKey(thing)) || facts.has(thingKey(thing)));
}
