/**
 * Runs every *.txt beside it: two jobs as a client sends them, what the scheduler says, and the diff they come to. Sections:
 *   -- old.json --       the registered job; left out: the job is new
 *   -- new.json --       the job submitted now
 *   -- updates.json --   desired updates by group; left out: not annotated
 *   -- diff --           the expected tree, unchanged fields without a sign
 * `DROVER_WRITE=1` writes what came out instead of comparing.
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { admitJob, annotateDiff, diffJobs } from "#jobspec";
import type { DiffType, FieldDiff, JobDiff, ObjectDiff } from "#model";

const CONTEXT = {
  defaultNamespace: "default",
  defaultRegion: "global",
  priorityDefault: 50,
  priorityMax: 100,
  countMax: 50_000,
  vault: { defaultIdentity: { aud: ["vault.io"], ttlNs: 3_600e9, env: false, file: false, filepath: "", extraClaims: {} } },
};
const SIGN: Readonly<Record<DiffType, string>> = { None: "   ", Added: "+  ", Deleted: "-  ", Edited: "+/-" };

const here = new URL("./", import.meta.url);
for (const file of readdirSync(here)
  .filter((name) => name.endsWith(".txt"))
  .sort()) {
  test(`the diff in ${file} is as written`, () => {
    const source = readFileSync(new URL(file, here), "utf8");
    const sections = sectionsOf(source);
    const job = (name: string) => (sections.has(name) ? admitJob(JSON.parse(sections.get(name) as string), CONTEXT).job : null);
    const next = job("new.json");
    assert.ok(next !== null, "the transcript needs a section new.json");
    const plain = diffJobs(job("old.json"), next, { contextual: true });
    const updates = sections.get("updates.json");
    const text = render(updates === undefined ? plain : annotateDiff(plain, JSON.parse(updates)));
    if (process.env["DROVER_WRITE"] === "1") {
      writeFileSync(
        new URL(file, here),
        source.replace(/(^-- diff --\n)[\s\S]*$/m, (_, head: string) => head + text),
      );
    } else {
      assert.equal(text, sections.get("diff"));
    }
  });
}

function sectionsOf(source: string): Map<string, string> {
  const parts = source.split(/^-- (.+) --\n/m);
  return new Map(parts.flatMap((part, index) => (index % 2 === 1 ? [[part, parts[index + 1] ?? ""] as const] : [])));
}

function render(diff: JobDiff): string {
  const lines = [`${SIGN[diff.Type]} Job ${JSON.stringify(diff.ID)}`];
  const notes = (list: readonly string[]) => (list.length === 0 ? "" : ` (${list.join(", ")})`);
  const field = (depth: number, each: FieldDiff) => {
    const value =
      each.Type === "Edited"
        ? `${JSON.stringify(each.Old)} => ${JSON.stringify(each.New)}`
        : JSON.stringify(each.Type === "Deleted" ? each.Old : each.New);
    lines.push(`${"  ".repeat(depth)}${SIGN[each.Type]} ${each.Name}: ${value}${notes(each.Annotations)}`);
  };
  const inside = (depth: number, each: Pick<ObjectDiff, "Fields" | "Objects">) => {
    for (const one of each.Fields) field(depth, one);
    for (const one of each.Objects) {
      lines.push(`${"  ".repeat(depth)}${SIGN[one.Type]} ${one.Name} {`);
      inside(depth + 1, one);
      lines.push(`${"  ".repeat(depth)}    }`);
    }
  };
  inside(1, diff);
  for (const group of diff.TaskGroups) {
    lines.push(
      `  ${SIGN[group.Type]} Group ${JSON.stringify(group.Name)}${notes(Object.entries(group.Updates).map(([word, count]) => `${count} ${word}`))}`,
    );
    inside(2, group);
    for (const task of group.Tasks) {
      lines.push(`    ${SIGN[task.Type]} Task ${JSON.stringify(task.Name)}${notes(task.Annotations)}`);
      inside(3, task);
    }
  }
  return `${lines.join("\n")}\n`;
}
