/** `drover fmt`: job files, agent configuration and variable files in canonical form. nomad.md §4.2 (exit codes), §4.3. */
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { messageOf, NamedError } from "#std";
import type { Command, Context } from "../command.ts";

const EXTENSIONS = [".nomad", ".hcl"];

/** What to do with a file that is not in canonical form. */
interface Wishes {
  readonly check: boolean;
  readonly list: boolean;
  readonly write: boolean;
}

export const fmt: Command = {
  usage: "fmt [options] [<path>...]",
  about: `Rewrites HCL files in canonical form: indentation, spaces, aligned equals signs and comments; nothing else changes.
<path> is a file, a folder (its files ending in .nomad or .hcl), or "-": standard input, formatted to standard output. Without a path: this folder.
Exit code 1: a file cannot be read or parsed, or with -check is not in canonical form.`,
  connects: false,
  flags: {
    check: { kind: "boolean", about: "Change nothing; exit code 1 when a file is not in canonical form" },
    list: { kind: "boolean", about: "Name the files that are not in canonical form (default true)" },
    write: { kind: "boolean", about: "Rewrite the files (default true)" },
    recursive: { kind: "boolean", about: "Also the folders in a folder" },
  },
  async run(context) {
    const { flags, terminal } = context;
    const paths = context.arguments.length === 0 ? ["."] : context.arguments;
    const check = flags.flag("check");
    const input = paths.includes("-");
    const chosen = (name: string) => !flags.given(name) || flags.flag(name);
    const wishes = { check, list: !input && chosen("list"), write: !input && !check && chosen("write") };
    let worst = 0;
    const attempt = async (work: () => Promise<number> | number): Promise<void> => {
      try {
        worst = Math.max(worst, await work());
      } catch (error) {
        terminal.complain(`Error: ${messageOf(error)}`);
        worst = 1;
      }
    };
    for (const path of paths) {
      if (path === "-") await attempt(async () => formatOne(context, path, await terminal.readInput(), wishes));
      let files: string[] = [];
      await attempt(() => {
        files = path === "-" ? [] : filesOf(path, flags.flag("recursive"));
        return 0;
      });
      for (const file of files) await attempt(() => formatOne(context, file, readFileSync(file, "utf8"), wishes));
    }
    return worst;
  },
};

async function formatOne({ terminal }: Context, path: string, text: string, wishes: Wishes): Promise<number> {
  const { formatText, parseBody, renderDiagnostic } = await import("#jobspec/hcl");
  const { diagnostics } = parseBody(text, path === "-" ? "<stdin>" : path, { format: "hcl" });
  for (const diagnostic of diagnostics) terminal.complain(renderDiagnostic(diagnostic, text));
  if (diagnostics.length > 0) return 1;
  const formatted = formatText(text);
  const differs = formatted !== text;
  if (differs && wishes.list) terminal.print(path);
  if (differs && wishes.write) replaceFile(path, formatted);
  if (!wishes.list && !wishes.write && !wishes.check) terminal.write(formatted);
  return differs && wishes.check ? 1 : 0;
}

/** Files of a folder in the order of their names, hidden ones left out; a file as it is named. */
function filesOf(path: string, recursive: boolean): string[] {
  if (!existsSync(path))
    throw new NamedError("JOB_FILE_UNREADABLE", `Cannot format ${JSON.stringify(path)}: there is no such file or folder`);
  if (!statSync(path).isDirectory()) {
    if (EXTENSIONS.includes(extname(path))) return [path];
    throw new NamedError("JOB_FILE_UNREADABLE", `Cannot format ${JSON.stringify(path)}: its name must end in ${EXTENSIONS.join(" or ")}`);
  }
  const entries = readdirSync(path, { withFileTypes: true }).filter((each) => !each.name.startsWith("."));
  return entries
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((each) => {
      const inside = path === "." ? each.name : join(path, each.name);
      if (each.isDirectory()) return recursive ? filesOf(inside, true) : [];
      return EXTENSIONS.includes(extname(each.name)) ? [inside] : [];
    });
}

/** The old text or the new, never half of one: also when the machine stops in between. Links and modes stay. */
function replaceFile(path: string, text: string): void {
  const real = realpathSync(path);
  const beside = `${real}.drover-fmt-${process.pid}`;
  try {
    writeFileSync(beside, text, { mode: statSync(real).mode, flag: "wx" });
    renameSync(beside, real);
  } finally {
    rmSync(beside, { force: true });
  }
}
