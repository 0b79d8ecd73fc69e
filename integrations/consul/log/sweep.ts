/** Parts that no batch names any more, or never will: what was cut, and what a leader put down whose transaction never came. */
import { headerOf } from "./envelope.ts";
import { TREES_MAX, partsTree, type Store, type StoredHead } from "./store.ts";

/**
 * What is on its way meanwhile lies beyond `head` and is left alone; it is looked at when the log has come so far. Rejects with ConsulProblem.
 */
export async function sweepParts(
  store: Store,
  { session, head, withinMs }: { readonly session: string; readonly head: StoredHead; readonly withinMs: number },
): Promise<void> {
  const orphans: string[] = [];
  for (const folder of await store.partsFolders()) if (!(await isNamed(store, folder, head))) orphans.push(partsTree(folder));
  for (let at = 0; at < orphans.length; at += TREES_MAX)
    await store.write({ session, deleteTrees: orphans.slice(at, at + TREES_MAX) }, withinMs);
}

async function isNamed(store: Store, folder: string, head: StoredHead): Promise<boolean> {
  const first = Number(folder.split("-", 1)[0]);
  if (first > head.LastIndex) return true;
  if (!(first >= head.Floor)) return false;
  const { value } = await store.batch(first, new AbortController().signal);
  return value !== undefined && headerOf(value).Parts?.Id === folder;
}
