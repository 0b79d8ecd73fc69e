/** Every transcript beside this file, each a story on one rule. */
import { globSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { stage } from "./stage.ts";
import { playTranscript } from "./transcript.ts";

const here = dirname(import.meta.filename);
for (const path of globSync(join(here, "*.txt")).toSorted()) {
  test(`${relative(here, path)} tells what happens`, () => playTranscript(path, stage()));
}
