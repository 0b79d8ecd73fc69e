/** The neighbourhood of docker-compose.yml: checked against the compose schema; what it mounts exists and is read as an agent reads it. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig, machineConfigDisk, parseAgentFlags } from "../../src/agent/config/mod.ts";
import { REPOSITORY, run } from "./real-agent.ts";

test("docker-compose.yml follows the compose schema and has the whole neighbourhood", async () => {
  const { code, stdout, stderr } = await run("docker-compose", ["-f", "docker-compose.yml", "config", "--services"]);
  assert.equal(code, 0, stderr);
  const services = stdout.trim().split("\n").toSorted();
  assert.equal(services.filter((name) => /server/.test(name)).length, 3, stdout);
  assert.equal(services.filter((name) => /client/.test(name)).length, 2, stdout);
  for (const neighbour of [/consul/, /bao/, /prometheus/])
    assert.ok(
      services.some((name) => neighbour.test(name)),
      `${neighbour} in ${stdout}`,
    );
});

test("every file docker-compose.yml mounts is in the repository", () => {
  const mounts = [...readFileSync(join(REPOSITORY, "docker-compose.yml"), "utf8").matchAll(/(\.\/[^\s:"\]]+):/g)].map(
    (match) => match[1] as string,
  );
  assert.ok(mounts.length > 2, "the mounts were not found");
  assert.deepEqual(
    mounts.filter((mount) => !existsSync(join(REPOSITORY, mount))),
    [],
  );
});

test("the agent's own reader finds nothing wrong in the configurations it mounts, but what this version cannot do yet", () => {
  const files = globSync("templates/compose/*.hcl", { cwd: REPOSITORY });
  assert.ok(files.length > 0);
  for (const file of files) {
    const flags = parseAgentFlags(["-config", join(REPOSITORY, file)]);
    try {
      loadConfig({
        flags,
        disk: machineConfigDisk,
        workingDirectory: REPOSITORY,
        hostName: "test",
        networkAddresses: [],
        temporaryDirectory: () => "/nowhere",
      });
    } catch (error) {
      const complaints = (error as Error).message.split("\n").filter((line) => /\.hcl:\d+:\d+: /.test(line));
      assert.ok(complaints.length > 0, (error as Error).message);
      for (const complaint of complaints) assert.match(complaint, /not in this version/);
    }
  }
});
