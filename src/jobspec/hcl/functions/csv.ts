/** csvdecode: a first line of names, then a map for each line. RFC 4180. */
import { FunctionFailure } from "../scope.ts";
import type { Value } from "../value.ts";

export function decodeCsv(text: string): Value {
  const [header, ...rows] = readRows(text);
  if (header === undefined) throw new FunctionFailure("missing header line", 0);
  if (new Set(header).size < header.length) throw new FunctionFailure("two columns have the same name", 0);
  return rows.map((row, index) => {
    if (row.length !== header.length) {
      throw new FunctionFailure(`line ${index + 2} has ${row.length} fields, the header ${header.length}`, 0);
    }
    return new Map<string, Value>(header.map((name, column) => [name, row[column] as string]));
  });
}

function readRows(text: string): string[][] {
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  const rows: string[][] = [];
  let row: string[] = [];
  while (field.lastIndex < text.length || row.length > 0) {
    const match = field.exec(text);
    if (match === null) throw new FunctionFailure(`bad quotes on line ${rows.length + 1}`, 0);
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") continue;
    // Empty lines do not count; one of an empty text in quotes does.
    if (row.length > 1 || row[0] !== "" || match[1] !== undefined) rows.push(row);
    row = [];
  }
  return rows;
}
