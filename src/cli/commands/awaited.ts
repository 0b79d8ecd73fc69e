/**
 * Nomad's commands that this version does not have: each answers by name which part brings it, or why none does. nomad.md §4.3.
 * docs/coverage.md lists them.
 */
import { awaitedText, type Awaited } from "#api/contract";

export interface AwaitedCommand {
  readonly name: string;
  /** "never": nothing will bring it. */
  readonly awaited: Awaited | "never";
  /** What stands in the way; "": nothing but time. */
  readonly why: string;
}

const awaiting = (awaited: AwaitedCommand["awaited"], why: string, ...names: readonly string[]): readonly AwaitedCommand[] =>
  names.map((name) => ({ name, awaited, why }));

export const AWAITED_COMMANDS: readonly AwaitedCommand[] = [
  ...awaiting(
    "volumes",
    "needs volumes",
    ...["claim delete", "claim list", "create", "delete", "deregister", "detach", "init", "register"].map((verb) => `volume ${verb}`),
    ...["snapshot create", "snapshot delete", "snapshot list", "status"].map((verb) => `volume ${verb}`),
    "plugin status",
  ),
  ...awaiting("operators", "the agent logs to standard output: there is no file to export", "monitor export"),
  ...awaiting("operators", "a node's own records are read by its agent alone", "operator client-state"),
  ...awaiting("operators", "the state is kept in Drover's own form", "operator snapshot redact"),
  ...awaiting(
    "enterprise",
    "",
    "alloc pause",
    "operator utilization",
    "license get",
    "license inspect",
    ...["apply", "delete", "init", "inspect", "list", "status"].map((verb) => `quota ${verb}`),
    ...["apply", "dismiss", "info", "list"].map((verb) => `recommendation ${verb}`),
    ...["apply", "delete", "list", "read"].map((verb) => `sentinel ${verb}`),
  ),
  ...awaiting(
    "never",
    "Drover writes no Raft of its own, so there are no such files",
    "operator raft info",
    "operator raft logs",
    "operator raft state",
  ),
  ...awaiting(
    "never",
    "Drover's agent runs on Linux, its command line elsewhere too",
    "windows service install",
    "windows service uninstall",
  ),
];

/**
 * What to say to words that begin with such a command (`var put a=b`), or name a group of nothing but such ones (`var`). `commands`: the
 * names of those there are.
 */
export function explainAwaited(words: readonly string[], commands: readonly string[]): string | undefined {
  for (const length of [4, 3, 2, 1]) {
    const name = words.slice(0, length).join(" ");
    const found = AWAITED_COMMANDS.find((each) => each.name === name);
    if (words.length >= length && found !== undefined) return `drover: ${sentence(found)}\n`;
  }
  const group = words.filter((word) => !word.startsWith("-")).join(" ");
  const begun = commands.some((name) => name.startsWith(`${group} `));
  const inside = AWAITED_COMMANDS.find((each) => each.name.startsWith(`${group} `));
  return inside === undefined || begun ? undefined : `drover: ${sentence({ ...inside, name: group })}\n`;
}

function sentence({ name, awaited, why }: AwaitedCommand): string {
  if (awaited === "never") return `${JSON.stringify(name)} will not come: ${why}`;
  const part = awaitedText({ awaited, why });
  return awaited === "enterprise"
    ? `${JSON.stringify(name)} belongs to Nomad Enterprise`
    : `${JSON.stringify(name)} is not in this version of Drover yet; it comes with: ${part}`;
}
