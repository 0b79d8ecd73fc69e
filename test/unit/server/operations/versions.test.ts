import assert from "node:assert/strict";
import { test } from "node:test";
import { NamedError } from "#std";
import { jobOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { inside } from "../inside.ts";

const prior = (version: number | null) => ({ EnforcePriorVersion: version });
async function withVersions(play: (world: World) => Promise<void>): Promise<void> {
  await inside({}, async (world) => {
    for (const version of ["a", "b", "c"]) {
      const Submission = { Source: `# ${version}`, Format: "hcl2", VariableFlags: {}, Variables: "" };
      await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, environment: { version } }), Submission });
    }
    await play(world);
  });
}
const current = (world: World) => world.cluster.state.snapshot().job("default", "web");
const status = (code: number, message: RegExp) => (thrown: unknown) =>
  thrown instanceof NamedError && thrown.statusCode === code && message.test(thrown.message);

test("reverting makes an old version the newest, with its source and an evaluation", () =>
  withVersions(async (world) => {
    const { EvalID, JobModifyIndex } = await world.server.revertJob("default", "web", 0, prior(null));
    const job = current(world);
    assert.deepEqual([job?.Version, job?.TaskGroups[0]?.Tasks[0]?.Env["version"], job?.JobModifyIndex], [3, "a", JobModifyIndex]);
    const snapshot = world.cluster.state.snapshot();
    assert.equal(snapshot.submission("default", "web", 3)?.Source, "# a");
    assert.equal(snapshot.evaluation(EvalID)?.JobModifyIndex, JobModifyIndex);
  }));

test("reverting is refused to the current version, to one that is not kept, and when another than the expected is current", () =>
  withVersions(async ({ server }) => {
    await assert.rejects(server.revertJob("default", "web", 2, prior(null)), status(400, /^can't revert to current version$/));
    await assert.rejects(server.revertJob("default", "web", 9, prior(null)), status(404, /at version 9 not found/));
    await assert.rejects(server.revertJob("default", "web", 0, prior(1)), status(409, /^Current job has version 2; enforcing version 1$/));
    await assert.rejects(server.revertJob("default", "nope", 0, prior(null)), status(404, /not found/));
    await server.revertJob("default", "web", 0, prior(2));
  }));

test("versions are marked stable and not stable", () =>
  withVersions(async (world) => {
    const stable = () => world.cluster.state.snapshot().jobVersion("default", "web", 1)?.Stable;
    await world.server.setJobStability("default", "web", 1, true);
    assert.equal(stable(), true);
    await world.server.setJobStability("default", "web", 1, false);
    assert.equal(stable(), false);
    await assert.rejects(world.server.setJobStability("default", "web", 7, true), status(404, /version 7 not found/));
  }));

test("a tag names one version, keeps it, and goes when it is taken off", () =>
  withVersions(async (world) => {
    const tag = (Name: string, Version: number | null) =>
      world.server.tagJobVersion("default", "web", { Name, Description: "why", Version });
    const named = (version: number) => world.cluster.state.snapshot().jobVersion("default", "web", version)?.VersionTag?.Name;
    await tag("good", 0);
    await tag("now", null);
    assert.deepEqual([named(0), named(2)], ["good", "now"]);
    await assert.rejects(tag("good", 1), status(409, /tag "good" already exists on version 0/));
    await assert.rejects(tag("", 1), status(400, /no name/));
    for (let index = 0; index < 10; index++) {
      await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, environment: { version: `more ${index}` } }) });
    }
    assert.equal(named(0), "good", "a tagged version is kept, however old");
    await world.server.untagJobVersion("default", "web", "good");
    assert.equal(named(0), undefined);
    await assert.rejects(world.server.untagJobVersion("default", "web", "good"), status(404, /tag "good" not found/));
  }));
