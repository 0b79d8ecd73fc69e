/** Every transcript beside this file: a rule of nomad.md §6.5 each, told from the first version of a job on. */
import { globSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { playTranscript } from "../scheduler/transcript.ts";
import { stage } from "./stage.ts";

const here = dirname(import.meta.filename);
for (const path of globSync(join(here, "*.txt")).toSorted()) {
  test(`${relative(here, path)} tells what happens`, () => playTranscript(path, stage()));
}
