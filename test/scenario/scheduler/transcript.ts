/**
 * Transcripts: what one does, `----`, what came of it. Blocks are parted by blank lines, lines starting with # are for the reader.
 * DROVER_RECORD=1 writes what comes of it now into the file; read the difference before you commit it.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

/** Runs every block of the file through `act`, which gets the input lines and answers the output. */
export function playTranscript(path: string, act: (line: string) => string): void {
  const recorded = readFileSync(path, "utf8");
  const played = recorded
    .trim()
    .split(/\n\s*\n/)
    .map((block) => {
      const lines = (block.split(/^----$/m)[0] as string).trimEnd().split("\n");
      const commands = lines.filter((line) => !line.startsWith("#") && line !== "");
      if (commands.length === 0) return lines.join("\n");
      const output = joined(commands)
        .map(act)
        .filter((text) => text !== "")
        .join("\n");
      return `${lines.join("\n")}\n----${output === "" ? "" : `\n${output}`}`;
    });
  const now = `${played.join("\n\n")}\n`;
  if (process.env["DROVER_RECORD"] === "1") writeFileSync(path, now);
  else assert.equal(now, recorded, `${path} tells another story; DROVER_RECORD=1 records it`);
}

/** A line that starts with white space goes on with the one before. */
function joined(lines: readonly string[]): string[] {
  const whole: string[] = [];
  for (const line of lines) {
    if (/^\s/.test(line) && whole.length > 0) whole[whole.length - 1] += ` ${line.trim()}`;
    else whole.push(line);
  }
  return whole;
}
