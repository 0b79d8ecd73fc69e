/** A moving picture on a terminal: lines that never wrap and are fewer than the screen has, so that they can be drawn over. Pure. */

/** The lines to draw. Too long: cut. Too many: the last ones. Sizes of 0 or undefined (a terminal that will not tell) count as 80 × 24. */
export function fitPicture(text: string, screen: { readonly columns: number | undefined; readonly rows: number | undefined }): string[] {
  const columns = screen.columns === undefined || screen.columns < 2 ? 80 : screen.columns;
  const rows = screen.rows === undefined || screen.rows < 3 ? 24 : screen.rows;
  return text
    .split("\n")
    .slice(-(rows - 1))
    .map((line) => cut(line, columns - 1));
}

// Colour codes take no room; a cut line ends them.
const PIECES = /\u001b\[[0-9;]*m|[^]/gu;

function cut(line: string, width: number): string {
  let room = width;
  let shown = "";
  for (const [piece] of line.matchAll(PIECES)) {
    if (piece.length > 1 && piece.startsWith("\u001b")) shown += piece;
    else if (room > 0) {
      shown += piece;
      room--;
    } else return `${shown}${shown.includes("\u001b") ? "\u001b[0m" : ""}`;
  }
  return shown;
}
