/**
 * Shell completion: bash and zsh call the program itself (`complete -C`) with the line typed so far in COMP_LINE. Offered are the next
 * word of a command, its flags, and ids of what it acts on, asked of the servers; where a file is wanted, nothing, so that the shell does.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CONNECTION_FLAGS, DISPLAY_FLAGS } from "./command.ts";
import { COMMANDS, type CommandEntry } from "./commands/table.ts";
import type { FlagTable } from "./flags.ts";

/** A key press must not hang: who answers later than this is not asked. */
const ANSWER_LIMIT_MS = 1_500;
/** Our own program, on this machine: it answers in a third of a second, on a busy one a little later. */
const HELP_LIMIT_MS = 5_000;

/** What completion asks the servers; `flags` are the connection flags typed before the cursor (namespace, address, …). */
export interface CompletionSource {
  /** Ids that begin so, by kind: jobs, allocs, nodes, evals or all; "acl policy" and its like are asked for one by one. */
  ids(prefix: string, kind: string, flags: TypedFlags): Promise<readonly string[]>;
  /** A job's version numbers and tags. */
  versions(job: string, flags: TypedFlags): Promise<readonly string[]>;
}
export type TypedFlags = Readonly<Record<string, string>>;

/** Candidates for the word the cursor is on, one a line. */
export async function complete(line: string, cursor: number, source: CompletionSource): Promise<string> {
  const words = line.slice(0, cursor).split(/\s+/).slice(1);
  const current = words.pop() ?? "";
  // `drover help job run` is about `drover job run`.
  if (words[0] === "help") words.shift();
  const [name, rest] = commandIn(words);
  const candidates = await candidatesFor(name, words, rest, current, source);
  return [...new Set(candidates)]
    .filter((each) => each.startsWith(current))
    .toSorted()
    .map((each) => `${each}\n`)
    .join("");
}

/** The command typed in full before the cursor, by its first spelling, and what follows it. */
function commandIn(words: readonly string[]): [name: string | undefined, rest: readonly string[]] {
  if (words[0] === "agent") return ["agent", words.slice(1)];
  for (const length of [4, 3, 2, 1]) {
    const name = words.slice(0, length).join(" ");
    if (words.length >= length && Object.hasOwn(COMMANDS, name)) return [COMMANDS[name]?.aliasOf ?? name, words.slice(length)];
  }
  return [undefined, words];
}

async function candidatesFor(
  name: string | undefined,
  words: readonly string[],
  rest: readonly string[],
  current: string,
  source: CompletionSource,
): Promise<readonly string[]> {
  if (name === undefined) return current.startsWith("-") ? PROGRAM_FLAGS : nextWords(words);
  if (name === "agent") return current.startsWith("-") ? agentFlags() : [];
  const command = await (COMMANDS[name] as CommandEntry).load();
  const table = { ...DISPLAY_FLAGS, ...(command.connects ? CONNECTION_FLAGS : {}), ...command.flags };
  const typed = typedBefore(rest, table);
  if (typed.valueOf !== undefined) {
    const kind = VALUE_KINDS[typed.valueOf];
    return kind === undefined ? [] : withinLimit(source.ids(current, kind, typed.flags));
  }
  // Go's flags end at the first argument.
  if (current.startsWith("-")) return typed.arguments.length > 0 ? [] : Object.keys(table).map((flag) => `-${flag}`);
  if (name === "job revert" && typed.arguments.length === 1) return withinLimit(source.versions(typed.arguments[0] as string, typed.flags));
  if (typed.arguments.length > 0 && !repeats(command.usage)) return [];
  const kind = typed.given.has("job") && command.flags["job"]?.kind === "boolean" ? "jobs" : kindOf(name);
  return kind === undefined ? [] : withinLimit(source.ids(current, kind, typed.flags));
}

/** `job stop <job> [<job> …]`: every argument is of the one kind. */
function repeats(usage: string): boolean {
  return usage.includes("…") && new Set(usage.match(/<[^>]+>/g)).size === 1;
}

interface Typed {
  readonly arguments: readonly string[];
  /** The flag whose value the cursor is on. */
  readonly valueOf: string | undefined;
  readonly flags: TypedFlags;
  readonly given: ReadonlySet<string>;
}

/** As parseFlags() reads them, but of a line that is not finished: nothing is refused. */
function typedBefore(words: readonly string[], table: FlagTable): Typed {
  const flags: Record<string, string> = {};
  const given = new Set<string>();
  let at = 0;
  for (; at < words.length; at++) {
    const [whole, name = "", value] = /^--?([^=]+)(?:=(.*))?$/.exec(words[at] as string) ?? [];
    if (whole === undefined) break;
    given.add(name);
    if (value !== undefined) flags[name] = value;
    else if (Object.hasOwn(table, name) && table[name]?.kind !== "boolean") {
      at++;
      if (at === words.length) return { arguments: [], valueOf: name, flags, given };
      flags[name] = words[at] as string;
    }
  }
  return { arguments: words.slice(words[at] === "--" ? at + 1 : at), valueOf: undefined, flags, given };
}

function nextWords(words: readonly string[]): string[] {
  const before = words.join(" ");
  return ["agent", ...Object.keys(COMMANDS)]
    .filter((name) => before === "" || name.startsWith(`${before} `))
    .map((name) => name.slice(before === "" ? 0 : before.length + 1).split(" ")[0] as string);
}

const PROGRAM_FLAGS = ["-help", "-version", "-autocomplete-install", "-autocomplete-uninstall"];

/** The agent's flags are the agent's own: it is asked for them as a person would. */
function agentFlags(): string[] {
  const help = spawnSync(process.execPath, [process.argv[1] as string, "agent", "-h"], {
    encoding: "utf8",
    timeout: HELP_LIMIT_MS,
    env: { ...process.env, COMP_LINE: undefined },
  });
  return [...(help.stdout ?? "").matchAll(/^ {2}(-[\w-]+)/gm)].map((match) => match[1] as string);
}

/** Flags whose value is an id or a name the servers know. */
const VALUE_KINDS: Readonly<Record<string, string>> = {
  alloc: "allocs",
  "auth-method": "acl auth-method",
  job: "jobs",
  method: "acl auth-method",
  namespace: "namespaces",
  "node-id": "nodes",
  policy: "acl policy",
  "role-id": "acl role",
  "role-name": "acl role by name",
};
/** By a command's first words; the longest that fit count. */
const KINDS: Readonly<Record<string, string>> = {
  "acl auth-method": "acl auth-method",
  "acl binding-rule": "acl binding-rule",
  "acl policy": "acl policy",
  "acl role": "acl role",
  "acl token": "acl token",
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
  "acl auth-method create",
  "acl auth-method list",
  "acl binding-rule create",
  "acl binding-rule list",
  "acl policy list",
  "acl policy self",
  "acl role create",
  "acl role list",
  "acl token create",
  "acl token list",
  "acl token self",
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

function kindOf(command: string): string | undefined {
  const words = command.split(" ");
  return WITHOUT_IDS.has(command) ? undefined : (KINDS[words.slice(0, 2).join(" ")] ?? KINDS[words[0] as string]);
}

/** What came in time; nothing when the servers do not answer, or refuse. */
async function withinLimit(asked: Promise<readonly string[]>): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(() => resolve([]), ANSWER_LIMIT_MS);
  });
  try {
    return await Promise.race([asked, limit]);
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
