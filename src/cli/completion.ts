/**
 * Shell completion: bash and zsh call the program itself (`complete -C`) with the line typed so far in COMP_LINE. Offered are the next
 * word of a command, its flags, and ids of what it acts on, asked of the servers; where a file is wanted, nothing, so that the shell does.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CONNECTION_FLAGS, DISPLAY_FLAGS } from "./command.ts";
import { COMMANDS } from "./commands/table.ts";
import type { FlagTable } from "./flags.ts";

/** A key press must not hang: who answers later than this is not asked. */
const ANSWER_LIMIT_MS = 1_500;
/** Our own program, on this machine: it answers in a third of a second, on a busy one a little later. */
const HELP_LIMIT_MS = 5_000;

/** Ids that begin so, by kind: jobs, allocs, nodes, evals or all. */
export type SearchIds = (prefix: string, kind: string) => Promise<readonly string[]>;

/** Candidates for the word the cursor is on, one a line. */
export async function complete(line: string, cursor: number, search: SearchIds): Promise<string> {
  const words = line.slice(0, cursor).split(/\s+/).slice(1);
  const current = words.pop() ?? "";
  const command = commandIn(words);
  const candidates = current.startsWith("-")
    ? await flagsOf(command)
    : command === undefined
      ? nextWords(words)
      : await idsFor(command, current, search);
  return [...new Set(candidates)]
    .filter((each) => each.startsWith(current))
    .toSorted()
    .map((each) => `${each}\n`)
    .join("");
}

/** The command typed in full before the cursor, by its first spelling. */
function commandIn(words: readonly string[]): string | undefined {
  if (words[0] === "agent") return "agent";
  for (const length of [4, 3, 2, 1]) {
    const name = words.slice(0, length).join(" ");
    if (words.length >= length && Object.hasOwn(COMMANDS, name)) return COMMANDS[name]?.aliasOf ?? name;
  }
  return undefined;
}

function nextWords(words: readonly string[]): string[] {
  const before = words.join(" ");
  return ["agent", ...Object.keys(COMMANDS)]
    .filter((name) => before === "" || name.startsWith(`${before} `))
    .map((name) => name.slice(before === "" ? 0 : before.length + 1).split(" ")[0] as string);
}

async function flagsOf(name: string | undefined): Promise<string[]> {
  const dashed = (table: FlagTable) => Object.keys(table).map((flag) => `-${flag}`);
  if (name === undefined) return ["-help", "-version", "-autocomplete-install", "-autocomplete-uninstall"];
  // The agent's flags are the agent's own: it is asked for them as a person would.
  if (name === "agent") {
    const help = spawnSync(process.execPath, [process.argv[1] as string, "agent", "-h"], {
      encoding: "utf8",
      timeout: HELP_LIMIT_MS,
      env: { ...process.env, COMP_LINE: undefined },
    });
    return [...(help.stdout ?? "").matchAll(/^ {2}(-[\w-]+)/gm)].map((match) => match[1] as string);
  }
  const command = await COMMANDS[name]?.load();
  return [...dashed(command?.flags ?? {}), ...(command?.connects === false ? [] : dashed(CONNECTION_FLAGS)), ...dashed(DISPLAY_FLAGS)];
}

/** By a command's first words; the longest that fit count. */
const KINDS: Readonly<Record<string, string>> = {
  alloc: "allocs",
  deployment: "deployment",
  eval: "evals",
  job: "jobs",
  namespace: "namespaces",
  node: "nodes",
  "node pool": "node_pools",
  "scaling policy": "scaling_policy",
  status: "all",
};
/** Their argument is a file, or there is none. */
const WITHOUT_IDS = new Set([
  "deployment list",
  "eval list",
  "job init",
  "job plan",
  "job run",
  "job validate",
  "namespace apply",
  "namespace list",
  "node config",
  "node meta apply",
  "node meta read",
  "node pool apply",
  "node pool init",
  "node pool list",
  "scaling policy list",
]);

async function idsFor(command: string, current: string, search: SearchIds): Promise<readonly string[]> {
  const words = command.split(" ");
  const kind = KINDS[words.slice(0, 2).join(" ")] ?? KINDS[words[0] as string];
  if (kind === undefined || WITHOUT_IDS.has(command)) return [];
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(() => resolve([]), ANSWER_LIMIT_MS);
  });
  try {
    return await Promise.race([search(current, kind), limit]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

const SHELLS = [
  { file: ".bashrc", lines: (program: string) => [`complete -o default -C ${program} drover`] },
  {
    file: ".zshrc",
    lines: (program: string) => ["autoload -U +X bashcompinit && bashcompinit", `complete -o nospace -C ${program} drover`],
  },
] as const;

/** Adds (or removes) the lines in ~/.bashrc and ~/.zshrc; files that are not there are left alone, except when neither is. */
export function installCompletion(options: {
  readonly remove: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): number {
  const home = options.environment["HOME"] ?? homedir();
  // Beside src/ and dist/ alike lies bin/. The shell reads the word twice: once here, once when it runs it.
  const program = quoted(quoted(join(process.argv[1] as string, "..", "..", "bin", "drover")));
  const changed: string[] = [];
  const present = SHELLS.filter((shell) => readable(join(home, shell.file)) !== undefined);
  for (const shell of present.length > 0 || options.remove ? present : [SHELLS[0]]) {
    const path = join(home, shell.file);
    const text = readable(path) ?? "";
    const lines = shell.lines(program);
    const kept = text.split("\n").filter((line) => !/^complete .*-C .* drover$/.test(line) && !lines.includes(line));
    while (kept.at(-1) === "") kept.pop();
    const next = `${[...kept, ...(options.remove ? [] : lines)].join("\n")}\n`;
    if (next !== text) {
      writeFileSync(path, next);
      changed.push(path);
    }
  }
  process.stdout.write(
    changed.length === 0
      ? "Nothing to change.\n"
      : `${options.remove ? "Removed from" : "Installed in"} ${changed.join(", ")}. Start a new shell to use it.\n`,
  );
  return 0;
}

function quoted(word: string): string {
  return /^[\w/.@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function readable(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
