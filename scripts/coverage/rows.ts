/**
 * Each endpoint, command and flag of Nomad's beside what this program does with it. What Nomad has is written in nomad-api.ts and
 * nomad-commands.ts; what is done is read from the program's own tables, so the table cannot claim what is not there; where it was
 * shown is searched in the tests.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ENDPOINTS, LATER_ENDPOINTS, LATER_METHODS, awaitedText, type Endpoint } from "#api/contract";
import { AGENT_FLAGS } from "../../src/agent/config/agent-flags.ts";
import { CONNECTION_FLAGS, DISPLAY_FLAGS, type Command } from "../../src/cli/command.ts";
import { AWAITED_COMMANDS } from "../../src/cli/commands/awaited.ts";
import { COMMANDS } from "../../src/cli/commands/table.ts";
import { ABSENT_FLAGS } from "./absent-flags.ts";
import { NOMAD_ENDPOINTS } from "./nomad-api.ts";
import { NOMAD_COMMANDS } from "./nomad-commands.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** "done"; "later: what brings it"; "never: why"; "unexplained" is a mistake the test names. */
export type Standing = string;

export interface EndpointRow {
  readonly path: string;
  readonly method: string;
  readonly standing: Standing;
  /** Where a test or transcript asks it; "" when none does. */
  readonly shown: string;
  /** Nomad has no such thing. */
  readonly own: boolean;
}

export interface CommandRow {
  readonly name: string;
  readonly alias: string | undefined;
  readonly standing: Standing;
  readonly shown: string;
  readonly own: boolean;
  readonly flags: readonly { readonly name: string; readonly standing: Standing }[];
}

const UNEXPLAINED = "unexplained";

export function endpointRows(): readonly EndpointRow[] {
  const texts = testTexts();
  const rows = NOMAD_ENDPOINTS.flatMap(({ path, methods }) =>
    methods.map((method): EndpointRow => {
      const standing = endpointStanding(path, method);
      return { path, method, standing, shown: standing === "done" ? whereAsked(path, texts) : "", own: false };
    }),
  );
  const known = new Set(rows.map(({ path, method }) => `${method} ${plain(path)}`));
  const own = endpointList()
    .flatMap(({ path, methods }) => methods.map((method) => ({ path, method })))
    .filter(({ path, method }) => !known.has(`${method} ${plain(path)}`));
  return [...rows, ...own.map(({ path, method }) => ({ path, method, standing: "done", shown: whereAsked(path, texts), own: true }))];
}

function endpointList(): readonly Endpoint[] {
  return Object.values(ENDPOINTS);
}

function endpointStanding(path: string, method: string): Standing {
  const has = (of: { readonly path: string; readonly methods: readonly string[] }) =>
    plain(of.path) === plain(path) && of.methods.includes(method);
  if (endpointList().some(has)) return "done";
  const later = [...LATER_ENDPOINTS, ...LATER_METHODS].find(has);
  if (later === undefined) return UNEXPLAINED;
  return `${later.awaited === "enterprise" ? "never" : "later"}: ${awaitedText(later)}`;
}

/** Parameters are called differently here and there. */
function plain(path: string): string {
  return path.replaceAll(/:\w+/g, ":");
}

interface TestText {
  readonly file: string;
  readonly text: string;
}

function testTexts(): readonly TestText[] {
  return (
    readdirSync(join(REPOSITORY, "test"), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(test\.ts|txt|go)$/.test(file) && file !== "coverage.test.ts")
      // The API's own tests first: where they ask is where one looks.
      .toSorted((a, b) => Number(b.startsWith("unit/api/")) - Number(a.startsWith("unit/api/")) || (a < b ? -1 : 1))
      .map((file) => ({ file: `test/${file}`, text: readFileSync(join(REPOSITORY, "test", file), "utf8") }))
  );
}

/** A path is asked where it is written out, with anything for its parameters. */
function whereAsked(path: string, texts: readonly TestText[]): string {
  const pattern = path
    .split(/(:\w+)/)
    .map((part) =>
      part === ":job" ? "[^\\s\"'`?]+?" : part.startsWith(":") ? "[^/\\s\"'`?]+" : part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"),
    )
    .join("");
  const asked = new RegExp(`${pattern}(?=["'\`?\\s)\\\\]|$)`, "m");
  return texts.find(({ text }) => asked.test(text))?.file ?? "";
}

export async function commandRows(): Promise<readonly CommandRow[]> {
  const transcripts = commandTranscripts();
  const rows: CommandRow[] = [];
  for (const { name, alias, flags } of NOMAD_COMMANDS) {
    const taken = await flagsOf(name);
    const standing = taken === undefined ? awaitedStanding(name) : "done";
    rows.push({
      name,
      alias,
      standing,
      shown: taken === undefined ? "" : whereShown(name, alias, transcripts),
      own: false,
      flags: flags.map((flag) => ({ name: flag, standing: taken === undefined ? standing : flagStanding(name, flag, taken) })),
    });
  }
  const known = new Set(rows.map((row) => row.name));
  const aliases = new Set(rows.flatMap((row) => row.alias ?? []));
  for (const [name, entry] of Object.entries(COMMANDS)) {
    if (known.has(name) || aliases.has(name) || entry.aliasOf !== undefined) continue;
    const command = await entry.load();
    const flags = Object.keys(command.flags).map((flag) => ({ name: flag, standing: "done" }));
    rows.push({ name, alias: undefined, standing: "done", shown: whereShown(name, undefined, transcripts), own: true, flags });
  }
  return rows;
}

/** What the command says of each flag it takes; undefined: there is no such command. */
async function flagsOf(name: string): Promise<Readonly<Record<string, string>> | undefined> {
  if (name === "agent")
    return Object.fromEntries(
      Object.entries(AGENT_FLAGS).map(([flag, { refused, about }]) => [flag, refused === undefined ? about : `refused: ${refused}`]),
    );
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) return undefined;
  const command: Command = await entry.load();
  const flags = { ...command.flags, ...DISPLAY_FLAGS, ...(command.connects ? CONNECTION_FLAGS : {}) };
  return Object.fromEntries(Object.entries(flags).map(([flag, { about }]) => [flag, about]));
}

/** A flag that is only taken so that scripts go on is not done: its own line of help says so. */
function flagStanding(command: string, flag: string, taken: Readonly<Record<string, string>>): Standing {
  const about = Object.hasOwn(taken, flag) ? taken[flag] : undefined;
  if (about === undefined) return ABSENT_FLAGS[command]?.[flag] ?? UNEXPLAINED;
  if (about.startsWith("refused: ")) return `later: ${about.slice("refused: ".length)}`;
  if (/without effect|^Not used/i.test(about)) return `never: ${about}`;
  const comes = /\(comes with ([^)]+)\)/.exec(about)?.[1];
  return comes === undefined ? "done" : `later: ${comes}`;
}

function awaitedStanding(name: string): Standing {
  const found = AWAITED_COMMANDS.find((each) => each.name === name);
  if (found === undefined) return UNEXPLAINED;
  if (found.awaited === "never") return `never: ${found.why}`;
  return `${found.awaited === "enterprise" ? "never" : "later"}: ${awaitedText({ awaited: found.awaited, why: found.why })}`;
}

/** Recorded sessions: lines that begin with `$ drover`, also after variables, or with `$ as <token>`. The agent's are the configuration's. */
function commandTranscripts(): readonly TestText[] {
  return ["scenario/cli", "scenario/config"].flatMap((folder) =>
    readdirSync(join(REPOSITORY, "test", folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".txt"))
      .toSorted()
      .map((file) => join(REPOSITORY, "test", folder, file))
      .map((file) => ({ file: relative(REPOSITORY, file), text: readFileSync(file, "utf8") })),
  );
}

/** Commands whose sessions are not of lines and answers. */
const SHOWN_ELSEWHERE: Readonly<Record<string, string>> = { agent: "test/scenario/config/config.test.ts" };

function whereShown(name: string, alias: string | undefined, transcripts: readonly TestText[]): string {
  if (Object.hasOwn(SHOWN_ELSEWHERE, name)) return SHOWN_ELSEWHERE[name] as string;
  const spellings = [name, ...(alias === undefined ? [] : [alias])].join("|");
  const shown = new RegExp(`^\\$ (?:[^\\n]*\\| *)?(?:\\w+=\\S* +)*(?:drover|as \\w+) (?:${spellings})(?= |$)`, "m");
  return transcripts.find(({ text }) => shown.test(text))?.file ?? "";
}
