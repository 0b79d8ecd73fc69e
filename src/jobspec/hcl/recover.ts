/** Where to read on after a mistake: the end of the line the broken item ends on, brackets and quotes being balanced. */

/**
 * `start` is where the item begins, `failed` where the mistake is. When brackets never balance, the next line after the
 * mistake is the best guess.
 */
export function endOfItem(text: string, start: number, failed: number): number {
  const limit = Math.min(text.length, failed + 200_000);
  let depth = 0;
  let at = start;
  while (at < limit) {
    const character = text[at];
    if (character === "\n") {
      if (depth <= 0 && at >= failed) return at;
      at++;
    } else if (character === '"') at = endOfQuoted(text, at + 1);
    else if (character === "#" || (character === "/" && text[at + 1] === "/")) at = endOfLine(text, at);
    else if (character === "/" && text[at + 1] === "*") at = endOfBlockComment(text, at);
    else if (character === "<" && text[at + 1] === "<") {
      at = endOfHeredoc(text, at);
      // What looked like items below is the heredoc's text.
      if (at === text.length) return at;
    } else {
      if (character === "{" || character === "[" || character === "(") depth++;
      else if (character === "}" || character === "]" || character === ")") {
        // A closing brace of the block around it ends the item too.
        if (depth <= 0 && character === "}" && at >= failed) return at;
        depth--;
      }
      at++;
    }
  }
  return endOfLine(text, Math.max(start, failed));
}

function endOfLine(text: string, at: number): number {
  const newline = text.indexOf("\n", at);
  return newline === -1 ? text.length : newline;
}

function endOfQuoted(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
    else if (text[at] === "\n") return at;
  }
  return text.length;
}

function endOfBlockComment(text: string, at: number): number {
  const close = text.indexOf("*/", at + 2);
  return close === -1 ? text.length : close + 2;
}

function endOfHeredoc(text: string, at: number): number {
  const opening = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;
  opening.lastIndex = at;
  const match = opening.exec(text);
  if (match === null) return at + 2;
  for (let line = opening.lastIndex; line < text.length; line = endOfLine(text, line) + 1) {
    if (text.slice(line, endOfLine(text, line)).trim() === match[1]) return endOfLine(text, line);
  }
  return text.length;
}
