/** Long lists a page at a time: `-filter`, `-per-page`, `-page-token`. nomad.md §4.1. */
import type { QueryOptions } from "#api/client";
import type { FlagTable, ParsedFlags } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

export const PAGE_FLAGS: FlagTable = {
  filter: { kind: "text", value: "expression", about: 'Only what fits, such as Name == "a"' },
  "per-page": { kind: "whole", value: "count", about: "So many at a time" },
  "page-token": { kind: "text", value: "token", about: "Where the page starts, as the page before said" },
};

export function pageQuery(flags: ParsedFlags): Pick<QueryOptions, "filter" | "perPage" | "nextToken"> {
  const filter = flags.text("filter");
  const perPage = flags.whole("per-page");
  const nextToken = flags.text("page-token");
  return {
    ...(filter === undefined ? {} : { filter }),
    ...(perPage === undefined ? {} : { perPage }),
    ...(nextToken === undefined ? {} : { nextToken }),
  };
}

/** What says which things are listed: without it the next page would be of another list. */
const LISTING_FLAGS = ["namespace", "job", "status", "per-page", "filter"];

/** `command` (and its argument) again, from there on, with the flags that were given; nothing when this was the last page. */
export function tellNextPage(terminal: Terminal, command: string, nextToken: string, flags: ParsedFlags): void {
  if (nextToken === "") return;
  const given = LISTING_FLAGS.flatMap((name) => {
    const value = flags.text(name);
    return value === undefined ? [] : [`-${name} ${shellWord(value)}`];
  });
  const words = [`drover ${command}`, ...given, `-page-token ${nextToken}`, ...flags.arguments.map(shellWord)];
  terminal.print(`\nResults have been paginated. To get the next page run:\n\n${words.join(" ")}`);
}

/** As it has to be typed into sh. */
export function shellWord(word: string): string {
  return /^[\w/.@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
