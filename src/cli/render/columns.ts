/**
 * Tables and key-value blocks as Nomad prints them: columns padded to their widest cell, two spaces between, no trailing
 * space; `Key  = Value` blocks. An empty cell prints `<none>`.
 */

/** Rows of cells; the first row is the header. `blanks`: empty cells stay empty. */
export function table(rows: readonly (readonly string[])[], options: { readonly blanks?: boolean } = {}): string {
  return align(
    rows.map((row) => row.map((cell) => (cell === "" && options.blanks !== true ? "<none>" : cell))),
    "  ",
  );
}

/** `Key  = Value` lines. */
export function keyValues(pairs: readonly (readonly [key: string, value: string])[]): string {
  const width = Math.max(0, ...pairs.map(([key]) => displayWidth(key)));
  return pairs.map(([key, value]) => `${key}${" ".repeat(width - displayWidth(key))} = ${value === "" ? "<none>" : value}`).join("\n");
}

function align(rows: readonly (readonly string[])[], gap: string): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell + " ".repeat((widths[column] as number) - displayWidth(cell))))
        .join(gap)
        .trimEnd(),
    )
    .join("\n");
}

/** Characters a terminal shows: colour codes take no room. */
function displayWidth(cell: string): number {
  // eslint-disable-next-line no-control-regex
  return [...cell.replaceAll(/\u001b\[[0-9;]*m/g, "")].length;
}
