/** `drover operator api`: like curl, with the address and token of the other commands. nomad.md §4.3. */
import { messageOf } from "#std";
import type { Command, Context } from "../command.ts";
import { UsageError } from "../flags.ts";
import { readText } from "../specification.ts";

export const operatorApi: Command = {
  usage: "operator api [options] <path> [<body>]",
  about: `Sends a request to the HTTP API and prints the answer. <path> is such as /v1/jobs?prefix=a, or a whole URL; <body> is JSON, "@file" or "-".`,
  connects: true,
  flags: {
    H: { kind: "list", value: "name: value", about: "A header to send too; may be repeated" },
    X: { kind: "text", value: "method", about: "GET (default), PUT (default with a body), DELETE" },
    filter: { kind: "text", value: "expression", about: "A filter expression" },
    dryrun: { kind: "boolean", about: "Print the same request for curl instead of sending it" },
    verbose: { kind: "boolean", about: "Say what is asked" },
  },
  async run(context) {
    const { flags, terminal } = context;
    const target = context.arguments[0];
    if (target === undefined) throw new UsageError("A path or URL is required");
    const base = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)/i.exec(target)?.[1];
    const api = base === undefined ? context.api : context.apiAt(base);
    const text = flags.flag("dryrun") ? context.arguments[1] : await bodyText(context, context.arguments[1]);
    const url = new URL(target, "http://agent");
    const path = /^\/(v1|\.well-known)\//.test(url.pathname) ? url.pathname : `/v1${url.pathname}`;
    const method = (flags.text("X") ?? (text === undefined ? "GET" : "PUT")).toUpperCase();
    const filter = flags.text("filter");
    const headers = readHeaders(flags.list("H"));
    const query = { parameters: everyParameter(url.searchParams), headers, ...(filter === undefined ? {} : { filter }) };
    if (flags.flag("dryrun")) {
      if (filter !== undefined) url.searchParams.set("filter", filter);
      const token = (flags.text("token") ?? context.environment["NOMAD_TOKEN"] ?? "") === "" ? "" : ` -H "X-Nomad-Token: $NOMAD_TOKEN"`;
      const body =
        context.arguments[1] === undefined ? "" : ` --data ${shellWord(context.arguments[1] === "-" ? "@-" : context.arguments[1])}`;
      const more = flags.list("H").map((header) => ` -H ${shellWord(header)}`);
      terminal.print(`curl -X ${method}${token}${more.join("")}${body} ${shellWord(`${api.address}${path}${url.search}`)}`);
      return 0;
    }
    if (flags.flag("verbose")) terminal.complain(`> ${method} ${api.address}${path}${url.search}`);
    switch (method) {
      case "GET":
        for await (const data of await api.request.bytes(path, { ...query, signal: context.interrupted })) terminal.write(data);
        if (terminal.interactive) terminal.write("\n");
        return 0;
      case "PUT":
      case "POST":
        terminal.print(JSON.stringify((await api.request.put(path, readBody(text), query)).value));
        return 0;
      case "DELETE":
        terminal.print(JSON.stringify((await api.request.delete(path, query)).value));
        return 0;
      default:
        throw new UsageError(`invalid value ${JSON.stringify(method)} for flag -X: want GET, PUT, POST or DELETE`);
    }
  },
};

/** A name may be there several times. */
function everyParameter(search: URLSearchParams): Record<string, readonly string[]> {
  return Object.fromEntries([...new Set(search.keys())].map((name) => [name, search.getAll(name)]));
}

/** Curl's form: "X-Name: value". */
function readHeaders(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const match = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(line);
      if (match === null) throw new UsageError(`invalid value ${JSON.stringify(line)} for flag -H: want "Name: value"`);
      return [(match[1] as string).toLowerCase(), match[2] as string];
    }),
  );
}

function readBody(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    // What a parser says quotes the body, which may be a secret.
    const at = /position \d+/.exec(messageOf(error))?.[0];
    throw new UsageError(`The body is not JSON${at === undefined ? "" : ` (at ${at})`}`);
  }
}

function shellWord(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

async function bodyText(context: Context, word: string | undefined): Promise<string | undefined> {
  if (word === undefined) return undefined;
  if (word === "-") return readText(context, "-");
  return word.startsWith("@") ? readText(context, word.slice(1)) : word;
}
