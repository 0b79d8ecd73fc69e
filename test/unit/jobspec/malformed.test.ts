/** Good job files made bad in the ways people make them bad: every one is answered with a place and plain words. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { AdmissionError, JobFileError, admitJob, parseJob } from "#jobspec";
import { renderDiagnostic } from "#jobspec/hcl";
import { testScale } from "../../scale.ts";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
const WANTED = Math.round(200 * testScale());
const root = join(import.meta.dirname, "../../..");
const good = globSync("{templates/job,examples/**}/*.nomad.hcl", { cwd: root })
  .sort()
  .map((name) => readFileSync(join(root, name), "utf8"));

/** Words of this program, or of the language it is written in, that mean nothing to an author. */
const INTERNAL =
  /\b(undefined|NaN|TypeError|RangeError|SyntaxError|HclFailure|noun|schema|token|AST|TaskGroup|Record|at Object|at async)\b|\[object |\.ts\b|node:|=> \{/;

interface Mutation {
  readonly name: string;
  /** Undefined: the text offers no place for it. `pick` chooses among places. */
  readonly apply: (text: string, pick: (places: number) => number) => string | undefined;
}

/** Changes the pick-th match of a pattern. */
function change(name: string, pattern: RegExp, put: (match: string, pick: (places: number) => number) => string): Mutation {
  return {
    name,
    apply(text, pick) {
      const matches = [...text.matchAll(pattern)];
      const match = matches.length === 0 ? undefined : matches[pick(matches.length)];
      if (match === undefined) return undefined;
      return text.slice(0, match.index) + put(match[0], pick) + text.slice(match.index + match[0].length);
    },
  };
}

const swapped = (word: string, pick: (places: number) => number): string => {
  const at = pick(word.length - 1);
  return word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
};

const MUTATIONS: readonly Mutation[] = [
  change("a closing brace is missing", /^ *\}\n/gm, () => ""),
  change("a closing brace too many", /^ *\}\n/gm, (match) => match + match),
  change("an opening brace is missing", / \{$/gm, () => ""),
  change("a quote is missing", /"/g, () => ""),
  change("single quotes", /"[a-z]+"/g, (match) => match.replaceAll('"', "'")),
  change("typographic quotes", /"[a-z]+"/g, (match) => `“${match.slice(1, -1)}”`),
  change("no equals sign", / += /g, () => " "),
  change("a colon for an equals sign", / += /g, () => ": "),
  change("two equals signs", / += /g, () => " == "),
  change("no value", / += .*$/gm, () => " ="),
  change("a semicolon", /= "[^"]*"$/gm, (match) => `${match};`),
  change("a comma", /= "[^"]*"$/gm, (match) => `${match},`),
  change("a list without a comma", /", "/g, () => '" "'),
  change("a list that stays open", /\]$/gm, () => ""),
  change("a key misspelt", /(?<=^ *)[a-z_]{4,}(?= += )/gm, swapped),
  change("a block misspelt", /(?<=^ *)[a-z_]{4,}(?=( "[^"]*")? \{$)/gm, swapped),
  change("a key twice", /^ *[a-z_]+ += (?:"[^"]*"|\d+)\n/gm, (match) => match + match),
  change("a key that is none", /^ *[a-z_]+ += (?:"[^"]*"|\d+)\n/gm, (match) => `${match.replace(/[a-z_]+/, "colour")}${match}`),
  change("words for a number", /(?<== )\d+(?=$| )/gm, () => '"many"'),
  change("a fraction", /(?<== )\d+(?=$| )/gm, () => "1.5"),
  change("a negative number", /(?<== )\d+(?=$| )/gm, () => "-7"),
  change("an enormous number", /(?<== )\d+(?=$| )/gm, () => "1e400"),
  change("a list for text", /(?<== )"[^"$]*"$/gm, (match) => `[${match}]`),
  change("a map for text", /(?<== )"[^"$]*"$/gm, (match) => `{ a = ${match} }`),
  change("no such duration", /(?<== )"\d+[smh]"/g, () => '"soon"'),
  change("an unknown variable", /(?<== )"[^"$]*"$/gm, () => "var.nowhere"),
  change("an unknown local", /(?<== )"[^"$]*"$/gm, () => "local.nowhere"),
  change("an unknown function", /(?<== )"[^"$]*"$/gm, () => 'uper("x")'),
  change("a function with too few arguments", /(?<== )"[^"$]*"$/gm, () => 'replace("x")'),
  change("a template left open", /(?<== )"[^"$]*"$/gm, () => '"${upper("'),
  change("a division by zero", /(?<== )\d+(?=$| )/gm, () => "1 / 0"),
  change("a block as an attribute", /^ *(resources|update|restart|network|periodic|lifecycle) \{$/gm, (match) =>
    match.replace(" {", " = {"),
  ),
  change("an attribute as a block", /^ *(driver|type|count|cpu) += .*$/gm, (match) => match.replace(/ += .*/, " {}")),
  change("a label too many", /(?<=^ *)(group|task) "[^"]*"(?= \{)/gm, (match) => `${match} "more"`),
  change("no label", /(?<=^ *)(group|task|job) "[^"]*"(?= \{)/gm, (match) => match.replace(/ .*/, "")),
  change("a label twice", /^( *)(group|task) "[^"]*" \{$/gm, (match) => `${match}\n}\n${match}`),
  change("a binary byte", / += /g, () => " = \u0000"),
  change("cut off", /[\s\S](?=[\s\S]{20})/g, (match) => `${match}\u0001`),
  change("a job inside a job", /^job /gm, () => 'job "outer" {\njob '),
  change("YAML", / += /g, () => ":\n  - "),
  change("a heredoc left open", /(?<== )"[^"$]*"$/gm, () => "<<EOT\nx"),
  change("out of range", /(?<=(attempts|max_parallel|canary|count|memory|cpu) += )\d+/g, () => "-1"),
  change("a type that is none", /(?<=type += )"(service|batch|system)"/g, () => '"daemon"'),
  change("a mode that is none", /(?<=mode += )"fail"/g, () => '"often"'),
  change("a driver that is nothing", /(?<=driver += )"[^"]*"/g, () => '""'),
];

/** What is said; undefined when the file is good after all. */
function complaints(text: string): { readonly said: readonly string[]; readonly shown: string } | undefined {
  try {
    const parsed = parseJob({ text, fileName: "job.nomad.hcl", allowFileFunctions: false });
    try {
      admitJob(parsed.job, CONTEXT);
      return undefined;
    } catch (thrown) {
      assert.ok(thrown instanceof AdmissionError, String(thrown));
      const said = thrown.problems.map((problem) => {
        const [, summary = problem, path = ""] = /^(.*) \(([^ ]*)\)$/.exec(problem) ?? [];
        const place = parsed.placeOf(path);
        assert.ok(place !== undefined, problem);
        return renderDiagnostic({ severity: "error", summary, detail: "", ...place }, text);
      });
      return { said, shown: said.join("\n\n") };
    }
  } catch (thrown) {
    if (thrown instanceof assert.AssertionError) throw thrown;
    assert.ok(thrown instanceof JobFileError, String((thrown as Error).stack));
    return { said: thrown.diagnostics.map((each) => renderDiagnostic(each, text)), shown: thrown.message };
  }
}

test(`${WANTED} malformed job files are each answered with file:line:col, the line, a caret and plain words`, () => {
  const picks = fc.sample(fc.infiniteStream(fc.nat()), { seed: 20_260, numRuns: 1 })[0] as IterableIterator<number>;
  const pick = (places: number): number => (picks.next().value as number) % places;
  const seen = new Set<string>();
  const kinds = new Set<string>();
  for (let round = 0; seen.size < WANTED && round < WANTED * 20; round++) {
    const mutation = MUTATIONS[round % MUTATIONS.length] as Mutation;
    const original = good[pick(good.length)] as string;
    const text = mutation.apply(original, pick);
    if (text === undefined || text === original || seen.has(text)) continue;
    const found = complaints(text);
    if (found === undefined) continue;
    seen.add(text);
    kinds.add(mutation.name);
    const lines = text.split("\n");
    const about = `${mutation.name}:\n${text}\n${found.shown}`;
    assert.ok(found.said.length > 0, about);
    for (const each of found.said) {
      const place = /^job\.nomad\.hcl:(\d+):(\d+): \S/.exec(each);
      assert.ok(place !== null, about);
      const [line, column] = [Number(place[1]), Number(place[2])];
      assert.ok(line >= 1 && line <= lines.length && column >= 1 && column <= (lines[line - 1] as string).length + 1, about);
      assert.match(each, /\n *\d+ \|.*\n *\| *\t*\^/, about);
      const [words = "", ...rest] = each.split("\n");
      assert.doesNotMatch([words.replace(/"[^"]*"/g, ""), ...rest.slice(2)].join("\n").replace(/"[^"]*"/g, ""), INTERNAL, about);
      assert.ok(words.length < 400, about);
    }
  }
  assert.equal(seen.size, WANTED, "the mutations ran out");
  assert.ok(kinds.size > MUTATIONS.length - 6, `only ${[...kinds].join(", ")}`);
});

test("a misspelt key or block is told what it may have been", () => {
  const text = good[0] as string;
  for (const [from, to] of [
    ["driver", "dirver"],
    ["count", "cuont"],
    ["config {", "confgi {"],
    ['task "', 'tsak "'],
  ] as const) {
    const broken = text.includes(from) ? text.replace(from, to) : `job "x" {\n group "g" {\n ${to.replace("{", "")} = 1\n }\n}\n`;
    if (broken === text) continue;
    assert.match(complaints(broken)?.shown ?? "", new RegExp(`Did you mean "${from.split(/[ "]/)[0]}"\\?`), broken);
  }
});
