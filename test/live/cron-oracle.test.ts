/** Fresh questions to Nomad's cron parser, built with Go: whatever is not about a change of clocks has the same answer. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { testScale } from "../scale.ts";
import { askOracle } from "../tools/cron-oracle/ask.ts";
import { difference, ourAnswer, questions } from "../tools/cron-oracle/questions.ts";
import { REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const scratch = temporaryDirectory("cron-oracle");
after(() => scratch.remove());

test("generated cron expressions run when Nomad would run them", { skip: SKIP, timeout: 300_000 }, async () => {
  const binary = join(scratch.path, "cron-oracle");
  const built = await run("go", ["build", "-o", binary, "."], {
    cwd: join(REPOSITORY, "test", "tools", "cron-oracle"),
    timeoutMs: 240_000,
  });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const asked = questions(seed, 500 * testScale());
  const answers = askOracle(asked, binary);
  const different = asked.flatMap((question, index) => {
    const said = difference(question, answers[index] ?? {}, ourAnswer(question));
    return said === undefined ? [] : [`${JSON.stringify(question)}: ${said}`];
  });
  assert.deepEqual(different, [], `seed ${seed}`);
});
