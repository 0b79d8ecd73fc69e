/** What the table of keys says of the settings that were written: which are refused, which have no effect yet. */
import { AGENT_KEYS } from "./keys.ts";
import { type Key, type ValueKey, isNothing } from "./key.ts";
import { type Settings, problemAt } from "./settings.ts";

export interface Standings {
  readonly problems: readonly string[];
  readonly notYet: readonly string[];
}

export function judge(settings: Settings): Standings {
  const problems: string[] = [];
  const notYet: string[] = [];
  for (const [path, setting] of settings) {
    const standing = keyAt(path)?.standing;
    if (standing?.kind === "refuse") {
      const reason = standing.when(setting.value);
      if (reason !== null) problems.push(problemAt(setting.origin, `${path}: ${reason}`, ""));
    }
    if (standing?.kind === "later" && !isNothing(setting.value)) {
      notYet.push(`${path} has no effect in this version${standing.reason === "" ? "" : `: ${standing.reason}`}`);
    }
  }
  return { problems, notYet };
}

function keyAt(path: string): ValueKey | undefined {
  let table = AGENT_KEYS;
  const parts = path.split(".");
  for (let at = 0; at < parts.length; at++) {
    const key: Key | undefined = table[parts[at] as string];
    if (key === undefined) return undefined;
    if (key.shape === "block") table = key.keys;
    else if (key.shape === "labelled") table = key.keys(parts[++at] as string);
    else return key;
  }
  return undefined;
}

/** The settings as nested maps under their own names, without secrets. */
export function writtenTree(settings: Settings): Readonly<Record<string, unknown>> {
  const root: Record<string, unknown> = {};
  for (const [path, { value }] of settings) {
    if (/token|secret|encrypt|password|credential|access_key|api_key|auth$/.test(path)) continue;
    // A mark of the reader's: the block was written.
    if (/^client\.host_network\..*\.written$/.test(path)) continue;
    const parts = path.split(".");
    const last = parts.pop() as string;
    let here = root;
    for (const part of parts) here = (Object.hasOwn(here, part) ? here[part] : (here[part] = {})) as Record<string, unknown>;
    here[last] = value;
  }
  return root;
}
