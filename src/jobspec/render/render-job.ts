/** A Job → the text of a job file that parses to the same Job: `job inspect -hcl` where no source was kept, conversions. */
import { Job } from "#model";
import { formatText } from "../hcl/mod.ts";
import { changeTexts, withoutSealed } from "../sensitive.ts";
import { quoted } from "./expressions.ts";
import { leanJob } from "./lean.ts";
import { bodyOf } from "./render-noun.ts";

/**
 * `lean` leaves out what admission fills in anyway: then admitting the parsed text, not the text itself, gives the same Job.
 * What only servers know of a job (version, status, …) and its tokens are not part of a job file. Pure.
 */
export function renderJob(job: Job, options: { readonly lean?: boolean } = {}): string {
  // What is sealed says nothing to anybody, and belongs to this job alone.
  const shown = changeTexts(options.lean === true ? leanJob(job) : job, withoutSealed) as Job;
  const body = bodyOf(Job, shown);
  return formatText(spaceOut(`job ${quoted(job.ID)} {\n${body}}\n`));
}

/** An empty line before each block that follows something: blocks read as paragraphs. */
function spaceOut(text: string): string {
  const lines = text.split("\n");
  let heredoc: string | undefined;
  return lines
    .flatMap((line, index) => {
      const before = lines[index - 1] ?? "";
      const inside = heredoc !== undefined;
      if (heredoc !== undefined && line.trim() === heredoc) heredoc = undefined;
      else if (heredoc === undefined) heredoc = /= <<([A-Z_]+)$/.exec(line)?.[1];
      const opens = !inside && /^[a-z_]+( "(?:[^"\\]|\\.)*")? \{(\})?$/.test(line);
      return opens && !before.endsWith("{") && before !== "" ? ["", line] : [line];
    })
    .join("\n");
}
