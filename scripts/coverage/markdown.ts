/** The rows as docs/coverage.md. */
import type { CommandRow, EndpointRow } from "./rows.ts";

export function coverageText(endpoints: readonly EndpointRow[], commands: readonly CommandRow[]): string {
  const flags = commands.flatMap((command) => command.flags);
  return `# What of Nomad is here

Written by \`npm run coverage-table\` from the program's own tables; do not edit. **done** is shown by the test or recorded session named
beside it; **later** names the part that brings it; **never** says why.

|  | done | later | never |
| --- | ---: | ---: | ---: |
${countRow("endpoints (path and method)", endpoints)}
${countRow("commands", commands)}
${countRow("flags of commands", flags)}

## Endpoints

| Endpoint | Methods | Standing | Shown in |
| --- | --- | --- | --- |
${endpointLines(endpoints).join("\n")}

## Commands

Every command takes \`-no-color\`, \`-force-color\`, \`-help\`; every one that talks to an agent takes the connection flags \`-address\`,
\`-region\`, \`-namespace\`, \`-token\`, \`-ca-cert\`, \`-ca-path\`, \`-client-cert\`, \`-client-key\`, \`-tls-server-name\`, \`-tls-skip-verify\`.

| Command | Standing | Flags done | Flags not done | Shown in |
| --- | --- | --- | --- | --- |
${commands.map(commandLine).join("\n")}
`;
}

function kindOf(standing: string): string {
  return standing.split(":")[0] as string;
}

function countRow(name: string, rows: readonly { readonly standing: string }[]): string {
  const count = (kind: string) => rows.filter((row) => kindOf(row.standing) === kind).length;
  return `| ${name} | ${count("done")} | ${count("later")} | ${count("never")} |`;
}

/** Methods of one path that stand alike share a line. */
function endpointLines(rows: readonly EndpointRow[]): readonly string[] {
  const lines = Map.groupBy(rows, (row) => `${row.path}\u0000${row.standing}`);
  return [...lines.values()].map((alike) => {
    const { path, standing, shown, own } = alike[0] as EndpointRow;
    return `| \`${path}\` | ${alike.map(({ method }) => method).join(" ")} | ${cell(standing)}${own ? " (Drover's own)" : ""} | ${shown} |`;
  });
}

function commandLine(row: CommandRow): string {
  const name = `\`${row.name}\`${row.alias === undefined ? "" : `, \`${row.alias}\``}`;
  const done = row.flags.filter((flag) => flag.standing === "done").map((flag) => `\`-${flag.name}\``);
  const reasons = Map.groupBy(
    row.flags.filter((flag) => flag.standing !== "done"),
    (flag) => flag.standing,
  );
  // A command that is not there at all says why once, for its flags too.
  const absent = [...reasons].map(([why, flags]) => {
    const names = flags.map((flag) => `\`-${flag.name}\``).join(" ");
    return why === row.standing ? names : `${names} ${cell(why)}`;
  });
  return `| ${name} | ${cell(row.standing)}${row.own ? " (Drover's own)" : ""} | ${done.join(" ")} | ${absent.join("; ")} | ${row.shown} |`;
}

function cell(standing: string): string {
  const [kind, ...why] = standing.split(": ");
  return `**${kind}**${why.length === 0 ? "" : `: ${why.join(": ").replaceAll("|", "\\|")}`}`;
}
