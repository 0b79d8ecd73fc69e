/** Fresh versions and constraints to go-version, built with Go. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { testScale } from "../scale.ts";
import { askOracle } from "../tools/ask-oracle.ts";
import { difference, ourAnswer, questions } from "../tools/version-oracle/questions.ts";
import { REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const scratch = temporaryDirectory("version-oracle");
after(() => scratch.remove());

test("generated version constraints hold where go-version says so", { skip: SKIP, timeout: 300_000 }, async () => {
  const binary = join(scratch.path, "version-oracle");
  const built = await run("go", ["build", "-o", binary, "."], {
    cwd: join(REPOSITORY, "test", "tools", "version-oracle"),
    timeoutMs: 240_000,
  });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const asked = questions(seed, Math.round(3_000 * testScale()));
  const answers = askOracle("version-oracle", asked, binary);
  const different = asked.flatMap((question, index) => difference(question, answers[index] ?? {}, ourAnswer(question)) ?? []);
  assert.deepEqual(different, [], `seed ${seed}`);
});
