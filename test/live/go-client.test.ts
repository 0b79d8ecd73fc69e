/** A public client in another language, built on the Go module existing tools use, runs the tutorial against the real agent. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { REPOSITORY, run, startRealAgent, temporaryDirectory, type RealAgent } from "./real-agent.ts";

const SKIP = process.env["DROVER_SKIP_LIVE"] === "1";
const SOURCE = join(REPOSITORY, "test", "tools", "go-client");
const STEPS =
  "agent node parse plan refuse register running job allocation logs files usage evaluations events search pages plan-again exec action restart deployment versions scale dispatch periodic namespaces variables locks pools metadata fuzzy operator servers snapshot stop drain eval-delete gone";

let agent: RealAgent;
const scratch = temporaryDirectory("go-client");

before(async () => {
  if (SKIP) return;
  agent = await startRealAgent({ config: { "agent.hcl": "server {\n  enabled = true\n}\nclient {\n  enabled = true\n}\n" } });
});
after(async () => {
  await agent?.remove();
  scratch.remove();
});

test("the Go client decodes every answer and runs the tutorial to its end", { skip: SKIP, timeout: 300_000 }, async () => {
  const binary = join(scratch.path, "go-client");
  const built = await run("go", ["build", "-o", binary, "."], { cwd: SOURCE, timeoutMs: 240_000 });
  assert.equal(built.code, 0, `go build: ${built.stderr}`);
  const { code, stdout, stderr } = await run(binary, ["-address", agent.address, "-driver", "exec"], { timeoutMs: 120_000 });
  assert.equal(code, 0, `${stdout}${stderr}\n${agent.output()}`);
  assert.deepEqual(
    stdout.trim().split("\n"),
    STEPS.split(" ").map((step) => `ok ${step}`),
  );
});
