/** Fresh questions to Nomad's filter library, built with Go. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { testScale } from "../scale.ts";
import { askOracle } from "../tools/bexpr-oracle/ask.ts";
import { difference, ourAnswer, questions } from "../tools/bexpr-oracle/questions.ts";
import { REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const scratch = temporaryDirectory("bexpr-oracle");
after(() => scratch.remove());

test("generated filters leave what Nomad's would leave", { skip: SKIP, timeout: 300_000 }, async () => {
  const binary = join(scratch.path, "bexpr-oracle");
  const built = await run("go", ["build", "-o", binary, "."], {
    cwd: join(REPOSITORY, "test", "tools", "bexpr-oracle"),
    timeoutMs: 240_000,
  });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const asked = questions(seed, 2000 * testScale());
  const answers = askOracle(asked, binary);
  const different = asked.flatMap((question, index) => {
    const said = difference(answers[index] ?? {}, ourAnswer(question));
    return said === undefined ? [] : [`${question.expression}: ${said}; ${JSON.stringify(question.datum)}`];
  });
  assert.deepEqual(different, [], `seed ${seed}`);
});
