/** Replaces what differs from run to run by tokens; the same thing gets the same token throughout a session. Widths stay where columns are. */

export function createMask(known: { readonly port: number; readonly directory: string }): (text: string) => string {
  const ids = new Map<string, string>();
  const idToken = (short: string) => {
    const token = ids.get(short) ?? `id${String(ids.size + 1).padStart(6, "0")}`;
    ids.set(short, token);
    return token;
  };
  return (text) =>
    text
      .split("\n")
      // Whether the monitor happens to see a task start before the evaluation ends is chance.
      .filter((line) => !/^ +\S+: Allocation "[0-9a-f-]+" status changed: /.test(line))
      // How far a deployment is each time somebody looks is chance too.
      .filter((line) => !/^ +\S+: (Group "[^"]*": \d|Deployment status ")/.test(line))
      // What a machine lacks for networks and the mesh is the machine's.
      .filter((line) => !/^Mesh +=/.test(line))
      .map((line) => maskLine(line, idToken))
      .join("\n")
      .replaceAll(String(known.port), "#####")
      .replaceAll(known.directory, "<directory>");
}

const UUID = /\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;
/** Eight hexadecimal digits by themselves: a shortened id. `ffffffff` is what the sessions ask for when they mean nobody. */
const SHORT_ID = /(?<![\w.-])(?!f{8})[0-9a-f]{8}(?![\w.-])/g;

function maskLine(line: string, idToken: (short: string) => string): string {
  const masked = line
    .replaceAll(UUID, (_, short: string) => `${idToken(short)}-0000-0000-0000-000000000000`)
    .replaceAll(SHORT_ID, (short) => idToken(short))
    .replaceAll(
      /\/(dispatch|periodic)-((?:[\w]+-)?)\d{10}(?:-([0-9a-f]{8}))?/g,
      (_, kind: string, prefix: string, chance?: string) =>
        `/${kind}-${prefix}1136239445${chance === undefined ? "" : `-${idToken(chance)}`}`,
    )
    .replaceAll(/\b(?:\d+(?:mo|ms|[ydhms]))+ from now\b/g, "Ns from now")
    .replaceAll(/^( +)(?:\d+(?:mo|[ydhms]))+ ago(?=[:,])/g, "$1Ns ago")
    .replaceAll(/\b(for|in) (?:\d+(?:mo|ms|[ydhms]))+/g, "$1 Ns")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (_, fraction?: string) =>
      fraction === undefined ? "2006-01-02T15:04:05Z" : "2006-01-02T15:04:05.000Z",
    )
    .replaceAll(/\b1[0-9]{18}\b/g, "1136239445000000000")
    .replaceAll(/(127\.0\.0\.1(?::| +)|"Value": ?)[1-6]\d{4}\b/g, "$1#####")
    .replaceAll(/("\w*Index": ?)\d+/g, "$1N")
    .replaceAll(/(Check Index = |check index is |-check-index=)\d+/g, "$1N")
    .replaceAll(/^((?:Create|Modify) ?Index +=) \d+$/g, "$1 N")
    .replaceAll(/(reset index: |: write )\d+/g, "$1N")
    .replaceAll(/(Job Modify Index: |-check-index |modify index is still |modify index: )\d+/g, "$1N")
    .replaceAll(/\b(?:\d+(?:mo|[ydhms]))+ ago {2,}/g, "Ns ago   ")
    .replaceAll(/\b(?:\d+(?:mo|[ydhms]))+ ago$/g, "Ns ago")
    .replaceAll(/^(Uptime +=) .*$/g, "$1 N")
    .replace(/Created +Modified(?: +(?=Max)|$)/, (found) => (found.endsWith(" ") ? "Created  Modified  " : "Created  Modified"));
  if (!/\bMHz\b|^CPU +Memory\b|\bGiB\b/.test(masked)) return masked;
  // Use and the machine's size: numbers go, and with them the columns' widths.
  return masked
    .replaceAll(/\b[\d.]+(?= ?(?:MHz|B|KiB|MiB|GiB|TiB)\/)|\b[\d.]+(?=\/[\d.]+ MHz)/g, "N")
    .replaceAll(/N (?:B|KiB|MiB|GiB)\//g, "N MiB/")
    .replaceAll(/\b[\d.]+ (GiB|TiB)\b/g, "N $1")
    .replaceAll(/ {2,}/g, "  ");
}
