/** What the driver makes of docker's answers: who is a task, who holds a network, and that a task ends. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { dockerDriver } from "#integrations/docker";
import type { TaskHandle, TaskId, TaskPlace } from "#ports";
import { dockerSettings } from "../../../conformance/docker-world.ts";
import { type Asked, fakeDocker } from "./daemon-world.ts";

const OWNER = "0011aabb";
const ALLOCATION = "11111111-1111-4111-8111-111111111111";

async function driverAt(t: TestContext, answer: Parameters<typeof fakeDocker>[1]) {
  const endpoint = await fakeDocker(t, answer);
  return dockerDriver({ owner: OWNER, stateDirectory: path.join(tmpdir(), "drover-no-such-state"), config: dockerSettings(endpoint) });
}

interface Container {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Docker's list, filtered by labels as docker does it; everything runs. */
function listing(containers: readonly Container[]) {
  return ({ path: asked, query }: Asked) => {
    const one = /^\/containers\/([^/]+)\/json$/.exec(asked)?.[1];
    if (one !== undefined && containers.some(({ id }) => id === one)) return { body: { Id: one, State: { Running: true, Pid: 7 } } };
    if (asked !== "/containers/json") return { status: 404, body: { message: "no such container" } };
    const { label = [] } = JSON.parse(query.get("filters") ?? "{}") as { label?: string[] };
    const fits = ({ labels }: Container) =>
      label.every((each) => {
        const [key = "", ...value] = each.split("=");
        return value.length === 0 ? labels[key] !== undefined : labels[key] === value.join("=");
      });
    return {
      body: containers.filter(fits).map(({ id, name, labels }) => ({ Id: id, Names: [`/${name}`], Labels: labels, State: "running" })),
    };
  };
}

test("a task's container holds nobody's network, whatever labels its job or its image wrote", async (t) => {
  const task = { "dev.drover.owner": OWNER, "dev.drover.task": "x.web.0", "dev.drover.holder": ALLOCATION };
  const holder = { "dev.drover.owner": OWNER, "dev.drover.holder": ALLOCATION };
  const containers: Container[] = [{ id: "evil", name: "web", labels: task }];
  const { networkHolder } = await driverAt(t, listing(containers));
  assert.deepEqual(await networkHolder?.list(), []);
  assert.equal(await networkHolder?.find(ALLOCATION), undefined);
  containers.push({ id: "true", name: `drover-${OWNER}-${ALLOCATION}`, labels: holder });
  assert.deepEqual(await networkHolder?.list(), [ALLOCATION]);
  assert.deepEqual(await networkHolder?.find(ALLOCATION), { pid: 7, reference: "true" });
});

test("what is kept for the operator is no task any more; a task of a like name is", async (t) => {
  const labels = (task: string) => ({ "dev.drover.owner": OWNER, "dev.drover.task": `${ALLOCATION}.${task}.0` });
  const driver = await driverAt(
    t,
    listing([
      { id: "a", name: `web-${ALLOCATION}.kept.0123456789ab`, labels: labels("web") },
      { id: "b", name: `my.kept.things-${ALLOCATION}`, labels: labels("my.kept.things") },
    ]),
  );
  assert.deepEqual(await driver.list(), [`${ALLOCATION}.my.kept.things.0`]);
});

test("a task whose kill_signal docker refuses ends all the same", async (t) => {
  let running = true;
  const ended = Promise.withResolvers<void>();
  const driver = await driverAt(t, async ({ path: asked, query }) => {
    if (asked.endsWith("/json")) return { body: { Id: "a", State: { Running: running, Status: running ? "running" : "exited" } } };
    if (asked.endsWith("/wait")) {
      await ended.promise;
      return { body: { StatusCode: 137 } };
    }
    if (query.get("signal") !== "SIGKILL") return { status: 400, body: { message: "invalid signal" } };
    running = false;
    ended.resolve();
    return { status: 204 };
  });
  const handle: TaskHandle = { driver: "docker", id: "x.web.0" as TaskId, pid: 1, startedAt: 0, data: { container: "a" } };
  await driver.stop(handle, {} as TaskPlace, { signal: "SIGNONE", timeoutMs: 20 });
  assert.equal(running, false);
});
