/** Every function of templates, asked of consul-template itself, built with Go. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { askConsulTemplate } from "../tools/consul-template/ask.ts";
import { difference, KINDER, ourAnswer, QUESTIONS } from "../tools/consul-template/questions.ts";
import { REPOSITORY, run, temporaryDirectory } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const scratch = temporaryDirectory("consul-template-oracle");
after(() => scratch.remove());

test("functions of templates answer what consul-template's answer, byte for byte", { skip: SKIP, timeout: 600_000 }, async () => {
  const binary = join(scratch.path, "consul-template-oracle");
  const built = await run("go", ["build", "-o", binary, "."], {
    cwd: join(REPOSITORY, "test", "tools", "consul-template"),
    timeoutMs: 540_000,
  });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  const answers = askConsulTemplate([...QUESTIONS, ...KINDER], binary);
  const different = QUESTIONS.flatMap((text, index) => {
    const said = difference(text, answers[index] ?? {});
    return said === "" ? [] : [`${text}: ${said}`];
  });
  assert.deepEqual(different, []);
  for (const [index, text] of KINDER.entries()) {
    assert.ok(answers[QUESTIONS.length + index]?.error !== undefined, `consul-template answers ${text} now: compare it`);
    assert.notEqual(ourAnswer(text).what, "failed", text);
  }
});
