import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock, mockDriver } from "#integrations/memory";
import type { TaskPlace } from "#ports";
import { taskStart } from "../../conformance/driver.ts";

const place: TaskPlace = {
  allocationDirectory: "",
  sharedDirectory: "",
  taskDirectory: "",
  secretsDirectory: "",
  privateDirectory: "",
  stdoutPath: "",
  stderrPath: "",
};

test("errors at start are recoverable only when the config says so", async () => {
  const driver = mockDriver({ clock: createVirtualClock() });
  const start = (config: Record<string, unknown>) => driver.start(taskStart({ place }, "a", config));
  await assert.rejects(start({ start_error: "broken" }), { code: "DRIVER_TASK_INVALID" });
  await assert.rejects(start({ start_error: "broken", start_error_recoverable: true }), { code: "DRIVER_START_FAILED" });
  assert.deepEqual(await driver.list(), []);
});
