/** Shell completion: bash and zsh call the program itself (`complete -C`) with the line typed so far in COMP_LINE. */
import { readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CONNECTION_FLAGS, DISPLAY_FLAGS } from "./command.ts";
import { COMMANDS } from "./commands/table.ts";

const GLOBAL_FLAGS = [...Object.keys(CONNECTION_FLAGS), ...Object.keys(DISPLAY_FLAGS)].map((name) => `-${name}`);

/** Candidates for the word the cursor is on, one a line. */
export function complete(line: string, cursor: number): string {
  const words = line.slice(0, cursor).split(/\s+/).slice(1);
  const current = words.pop() ?? "";
  const before = words.filter((word) => !word.startsWith("-")).join(" ");
  const candidates = new Set<string>();
  if (current.startsWith("-")) {
    for (const flag of GLOBAL_FLAGS) candidates.add(flag);
  } else {
    for (const name of ["agent", ...Object.keys(COMMANDS)]) {
      if (before === "" || name.startsWith(`${before} `)) {
        const next = name.slice(before === "" ? 0 : before.length + 1).split(" ")[0];
        if (next !== undefined) candidates.add(next);
      }
    }
  }
  return [...candidates]
    .filter((each) => each.startsWith(current))
    .toSorted()
    .map((each) => `${each}\n`)
    .join("");
}

const SHELLS = [
  { file: ".bashrc", lines: (program: string) => [`complete -C ${program} drover`] },
  { file: ".zshrc", lines: (program: string) => ["autoload -U +X bashcompinit && bashcompinit", `complete -o nospace -C ${program} drover`] },
] as const;

/** Adds (or removes) the lines in ~/.bashrc and ~/.zshrc; files that are not there are left alone, except when neither is. */
export function installCompletion(options: { readonly remove: boolean; readonly environment: Readonly<Record<string, string | undefined>> }): number {
  const home = options.environment["HOME"] ?? homedir();
  const program = process.env["DROVER_PROGRAM"] ?? join(import.meta.dirname, "..", "..", "bin", "drover");
  const changed: string[] = [];
  const present = SHELLS.filter((shell) => readable(join(home, shell.file)) !== undefined);
  for (const shell of present.length > 0 ? present : [SHELLS[0]]) {
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

function readable(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
