/** Fresh texts to HCL's reference implementation, built with Go: expressions, YAML, files, and what the formatter makes of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { testScale } from "../scale.ts";
import { askOracle, type OracleMode } from "../tools/hcl-oracle/ask.ts";
import { difference, ourAnswer } from "../tools/hcl-oracle/compare.ts";
import { aFile, anExpression, aYamlCall, draw } from "../tools/hcl-oracle/texts.ts";
import { REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const scratch = temporaryDirectory("hcl-oracle");
after(() => scratch.remove());

test("generated expressions, files and formatted files are what the reference says", { skip: SKIP, timeout: 600_000 }, async () => {
  const binary = join(scratch.path, "hcl-oracle");
  const built = await run("go", ["build", "-o", binary, "."], { cwd: join(REPOSITORY, "test", "tools", "hcl-oracle"), timeoutMs: 240_000 });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const count = Math.round(400 * testScale());
  const asked: readonly (readonly [OracleMode, readonly string[]])[] = [
    ["expression", [...draw(anExpression(), seed, 2 * count), ...draw(aYamlCall(), seed, count)]],
    ["file", draw(aFile(), seed, count)],
    ["format", draw(aFile(), seed + 1, count)],
  ];
  const different = asked.flatMap(([mode, texts]) => {
    const answers = askOracle(mode, texts, binary);
    return texts.flatMap((text, index) => difference(text, answers[index] ?? {}, ourAnswer(mode, text)) ?? []);
  });
  assert.deepEqual(different, [], `seed ${seed}`);
});
