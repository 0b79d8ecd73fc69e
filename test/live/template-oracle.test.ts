/** Templates asked of Go itself, built here: the whole corpus again, and fresh random ones. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { testScale } from "../scale.ts";
import { askOracle, difference, type Answer, type Question } from "../tools/template/ask.ts";
import { corpus } from "../tools/template/corpus.ts";
import { drawBroken, drawQuestions } from "../tools/template/draw.ts";
import { REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const scratch = temporaryDirectory("template-oracle");
after(() => scratch.remove());

test("the corpus and generated templates are what Go's text/template makes of them", { skip: SKIP, timeout: 600_000 }, async () => {
  const binary = join(scratch.path, "template-oracle");
  const built = await run("go", ["build", "-o", binary, "."], { cwd: join(REPOSITORY, "test", "tools", "template"), timeoutMs: 240_000 });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  const { chosen, verbs, go } = corpus();
  assert.deepEqual(differences([...chosen, ...verbs, ...go], binary), []);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const count = Math.round(500 * testScale());
  const fresh = [...drawQuestions(seed, count), ...drawBroken(seed, count, [...chosen, ...go])];
  assert.deepEqual(differences(fresh, binary), [], `seed ${seed}`);
});

function differences(questions: readonly Question[], binary: string): readonly unknown[] {
  const answers = askOracle(questions, binary);
  return questions.flatMap((question, index) => difference(question, answers[index] as Answer) ?? []);
}
