/** `drover ui`: where the web UI shows something. nomad.md §4.3. The UI itself comes later, and this says so. */
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";

export const ui: Command = {
  usage: "ui [options] [<id>]",
  about:
    "Shows where the web UI is, or where in it a job, allocation or node is. This version has no web UI yet: the address is what it will be.",
  connects: true,
  flags: {
    "show-url": { kind: "boolean", about: "Print the address instead of opening it" },
    authenticate: { kind: "boolean", about: "With a one-time token, good for ten minutes, that logs the browser in" },
  },
  async run({ flags, terminal, api, arguments: words }) {
    if (words.length > 1) throw new UsageError("This command takes at most one argument: <id>");
    const path =
      words[0] === undefined
        ? "/ui/jobs"
        : await pathOf(words[0], async (id) => (await api.search({ Prefix: id, Context: "all" })).value.Matches);
    if (!flags.flag("show-url"))
      throw new NamedError("UI_ABSENT", `Cannot open ${api.address}${path}: the web UI is not in this version of Drover yet`, {
        fix: "drover status shows the same; -show-url prints the address.",
      });
    const login = flags.flag("authenticate") ? `?ott=${(await api.acl.tokens.createOneTime()).value.OneTimeToken.OneTimeSecretID}` : "";
    terminal.print(`URL for web UI: ${api.address}${path}${login}`);
    return 0;
  },
};

async function pathOf(
  id: string,
  search: (id: string) => Promise<Readonly<Partial<Record<"jobs" | "allocs" | "nodes", readonly string[]>>>>,
): Promise<string> {
  const matches = await search(id);
  const places = { jobs: "jobs", allocs: "allocations", nodes: "clients" } as const;
  for (const kind of ["jobs", "allocs", "nodes"] as const) {
    const found = matches[kind] ?? [];
    const one = found.includes(id) ? id : found.length === 1 ? found[0] : undefined;
    if (one !== undefined) return `/ui/${places[kind]}/${encodeURIComponent(one)}`;
  }
  throw new NamedError("ID_UNKNOWN", `No job, allocation or node, or more than one, begins with ${JSON.stringify(id)}`);
}
