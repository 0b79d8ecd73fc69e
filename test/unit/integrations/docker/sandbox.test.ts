/** What a docker task may not have unless the operator allows it: paths of the machine, its namespaces, what its registry's file says. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { TaskPlace, TaskStart } from "#ports";
import { credentialsFor } from "../../../../integrations/docker/credentials.ts";
import { readImageName } from "../../../../integrations/docker/image-name.ts";
import { readDockerConfig } from "../../../../integrations/docker/schema.ts";
import { checkTask } from "../../../../integrations/docker/task-config.ts";
import { taskVolumes } from "../../../../integrations/docker/volumes.ts";
import { dockerSettings } from "../../../conformance/docker-world.ts";

function folder(t: TestContext): string {
  const made = realpathSync(mkdtempSync(path.join(tmpdir(), "drover-sandbox-")));
  t.after(() => {
    rmSync(made, { recursive: true, force: true });
  });
  return made;
}

test("volumes: within the allocation as it really is; a link out of it, and whatever else names the machine, only where volumes are enabled", (t) => {
  const allocationDirectory = folder(t);
  const taskDirectory = path.join(allocationDirectory, "web");
  mkdirSync(path.join(taskDirectory, "local"), { recursive: true });
  symlinkSync("/etc", path.join(taskDirectory, "local", "out"));
  const place = { allocationDirectory, taskDirectory } as TaskPlace;
  const ask = (config: Record<string, unknown>, enabled = false) =>
    taskVolumes({ task: "web", place, config: readDockerConfig({ image: "x", ...config }), settings: { enabled, selinuxLabel: "" } });
  const bind = (source: string) => ({ mount: [{ type: "bind", source, target: "/data" }] });
  assert.deepEqual(ask({ volumes: ["local:/data"] }).binds, [`${taskDirectory}/local:/data`]);
  for (const source of ["local/out", "local/out/passwd", "local/out/new", "../../x", "/etc"]) {
    assert.throws(() => ask({ volumes: [`${source}:/data`] }), { code: "DRIVER_TASK_INVALID" }, source);
    assert.throws(() => ask(bind(source)), { code: "DRIVER_TASK_INVALID" }, source);
  }
  assert.deepEqual(ask({ volumes: ["local/out:/data"] }, true).binds, ["/etc:/data"]);
  const driven = {
    mount: [{ type: "volume", target: "/data", volume_options: { driver_config: { name: "local", options: { device: "/etc" } } } }],
  };
  for (const config of [{ volumes: ["name:/data"], volume_driver: "x" }, driven]) {
    assert.throws(() => ask(config), /volume drivers are not enabled/);
    assert.doesNotThrow(() => ask(config, true));
  }
});

test("the machine's own namespaces only where the operator allows the mode", () => {
  const settings = dockerSettings("unix:///x");
  const task = { task: "web", config: {}, environment: {}, memoryMB: 64, ports: [] } as unknown as TaskStart;
  for (const kind of ["pid", "ipc", "userns", "uts"] as const) {
    const config = readDockerConfig({ image: "x", [`${kind}_mode`]: "host" });
    assert.throws(() => checkTask(task, config, settings), /is not allowed on this node/, kind);
    const allowedModes = { ...settings.allowedModes, [kind]: ["host"] };
    assert.doesNotThrow(() => checkTask(task, config, { ...settings, allowedModes }), kind);
  }
});

test("credentials that cannot be read fail the task, or are gone without where it says so; none of them is in the error", async (t) => {
  const authFile = path.join(folder(t), "config.json");
  writeFileSync(authFile, '{"auths": {"docker.io": {"auth": "c2VjcmV0OnNlY3JldA=="}} broken');
  const ask = (soft: boolean) =>
    credentialsFor("web", readDockerConfig({ image: "x", auth_soft_fail: soft }), readImageName("x"), { authFile, authHelper: "" });
  assert.equal(await ask(true), undefined);
  await assert.rejects(ask(false), (error: Error) => {
    assert.doesNotMatch(`${error.message}${error.stack}`, /c2VjcmV0|secret:/);
    return /cannot be read as JSON/.test(error.message);
  });
});
