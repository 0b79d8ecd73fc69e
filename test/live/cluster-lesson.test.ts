/** Lesson 11 as its README says it: every command typed on a machine of the test's own, where three loopback addresses are three servers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { lastWords, startClusterWorld, type MachineProcess, pathWithConsul } from "./parts/cluster-world.ts";
import { eventually, REPOSITORY } from "./real-agent.ts";

const README = join(REPOSITORY, "examples", "11-cluster", "README.md");
/** What a reader gets to see, block by block. */
const SHOWN: readonly RegExp[] = [
  /^one\.global +127\.0\.0\.1 +4648 +alive [^]*^two\.global +127\.0\.0\.2 +4648 +alive [^]*^No nodes registered$/m,
  /finished with status "complete"$[^]*^listening on [\d.]+:\d+$/m,
  /^one\.global +127\.0\.0\.1 +4648 +failed +false [^]* true [^]*^It runs$/m,
  /^one\.global +127\.0\.0\.1 +4648 +alive +false [^]*^It runs$/m,
  /^==> .* finished with status "complete"$/m,
];

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 150_000 };

test("lesson 11: what its README says works", LIVE, async (t) => {
  const world = await startClusterWorld(t, { machines: ["home"] });
  const home = world.machine("home");
  const environment = [`PATH=${join(REPOSITORY, "bin")}:${pathWithConsul()}`, `TMPDIR=${home.folder}`, "TZ=UTC"];
  const agents: MachineProcess[] = [];
  const typed: string[] = [];
  for (const [, background, text = ""] of readFileSync(README, "utf8").matchAll(/^```sh cluster( background)?\n([^]*?)^```$/gm)) {
    if (background !== undefined) {
      const agent = home.start("env", ["-C", REPOSITORY, ...environment, "sh", "-ec", `exec ${text.trim()}`]);
      agents.push(agent);
      await eventually("the agent to start", () => /Drover agent started!/.test(agent.output()) || !agent.isRunning(), 40_000);
      assert.ok(agent.isRunning(), lastWords(agent));
      continue;
    }
    const { code, stdout, stderr } = await home.host.run("env", ["-C", REPOSITORY, ...environment, "timeout", "50", "sh", "-ec", text]);
    assert.equal(code, 0, `${text}\n${stdout}${stderr}\n${agents.map(lastWords).join("\n")}`);
    assert.match(stdout, SHOWN[typed.length] ?? /^a block the test does not know$/);
    typed.push(text);
  }
  assert.deepEqual([typed.length, agents.length], [SHOWN.length, 5]);
  await eventually("everything to have ended", async () => (await home.pids()).length === 0);
});
