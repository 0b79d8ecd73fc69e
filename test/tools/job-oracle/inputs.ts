/**
 * The job files the oracle is asked about, written by hand, one folder file a place: `## task env-3` begins an input; its body stands
 * in a task (group, job) of an otherwise empty job, or is the whole file (`## file …`).
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface JobInput {
  /** Place and name: "task env-3". */
  readonly name: string;
  readonly text: string;
}

const PLACES: Readonly<Record<string, (body: string) => string>> = {
  file: (body) => body,
  job: (body) => `job "j" {\n${body}\ngroup "g" {\n${task("")}}\n}\n`,
  group: (body) => `job "j" {\ngroup "g" {\n${body}\n${task("")}}\n}\n`,
  task: (body) => `job "j" {\ngroup "g" {\n${task(body)}}\n}\n`,
};

export function jobInputs(): JobInput[] {
  const folder = join(import.meta.dirname, "inputs");
  return readdirSync(folder)
    .toSorted()
    .flatMap((file) => readFileSync(join(folder, file), "utf8").split(/^## /mu).slice(1).map(inputOf));
}

function inputOf(section: string): JobInput {
  const end = section.indexOf("\n");
  const name = section.slice(0, end).trim();
  const wrap = PLACES[name.split(" ")[0] ?? ""];
  if (wrap === undefined) throw new Error(`reading input ${JSON.stringify(name)}: its place is none of ${Object.keys(PLACES)}`);
  return { name, text: wrap(section.slice(end + 1)) };
}

function task(body: string): string {
  return `task "t" {\ndriver = "mock_driver"\n${body}\n}\n`;
}
