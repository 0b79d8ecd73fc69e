/** What `-h` prints, from the command table. Pure. */
import { CONNECTION_FLAGS, DISPLAY_FLAGS, type Command } from "./command.ts";
import { COMMANDS } from "./commands/table.ts";
import type { FlagTable } from "./flags.ts";

/** `drover -h`. */
export function overview(): string {
  const names = ["agent", ...Object.keys(COMMANDS).filter((name) => COMMANDS[name]?.aliasOf === undefined)].toSorted();
  const aliases = Object.entries(COMMANDS).filter(([, entry]) => entry.aliasOf !== undefined);
  return `Usage: drover [-version] [-help] [-autocomplete-(un)install] <command> [options] [arguments]

Commands:
${list(names.map((name) => [name, name === "agent" ? "Run an agent: a server, a node, or both" : (COMMANDS[name]?.about ?? "")]))}

Short forms: ${aliases.map(([name, entry]) => `${name} (${entry.aliasOf as string})`).join(", ")}
`;
}

/** `drover job`: the commands of a group; undefined when there is no such group. */
export function groupHelp(group: string): string | undefined {
  const names = Object.keys(COMMANDS).filter((name) => name.startsWith(`${group} `));
  if (names.length === 0) return undefined;
  return `Usage: drover ${group} <command> [options] [arguments]

Commands:
${list(names.toSorted().map((name) => [name, COMMANDS[name]?.about ?? ""]))}
`;
}

/** `drover job run -h`. */
export function commandHelp(command: Command): string {
  const parts = [`Usage: drover ${command.usage}\n\n${indent(wrap(command.about, 100), "  ")}\n`];
  if (Object.keys(command.flags).length > 0) parts.push(`Options:\n${flagList(command.flags)}\n`);
  parts.push(`General options:\n${flagList({ ...(command.connects ? CONNECTION_FLAGS : {}), ...DISPLAY_FLAGS })}\n`);
  return parts.join("\n");
}

function flagList(flags: FlagTable): string {
  return Object.entries(flags)
    .filter(([, flag]) => flag.about !== "")
    .map(
      ([name, flag]) =>
        `  -${name}${flag.kind === "boolean" ? "" : `=<${flag.value ?? flag.kind}>`}\n${indent(wrap(flag.about, 96), "    ")}`,
    )
    .join("\n");
}

function list(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, about]) => `    ${name.padEnd(width)}  ${about}`).join("\n");
}

function indent(text: string, by: string): string {
  return text.replaceAll(/^(?=.)/gm, by);
}

function wrap(text: string, width: number): string {
  return text
    .split("\n")
    .map((line) => line.replaceAll(new RegExp(`(?![^\\n]{1,${width}}$)([^\\n]{1,${width}})\\s`, "g"), "$1\n"))
    .join("\n");
}
