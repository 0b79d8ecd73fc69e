import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import { sessionsOf } from "../../../../../integrations/consul/log/session.ts";
import type { Store } from "../../../../../integrations/consul/log/store.ts";

interface Asked {
  readonly path: string;
  readonly body: unknown;
}

/** A Consul of one agent; `refusals` of the first creations of a session. */
function consulWith(refusals: number, refusal = "Check 'x' is in critical state") {
  const asked: Asked[] = [];
  const world = { asked, refuses: undefined as string | undefined };
  let left = refusals;
  const answers = (path: string): { status: number; text: string } => {
    if (world.refuses !== undefined && path.startsWith(world.refuses)) return { status: 500, text: "No cluster leader" };
    if (path.startsWith("/session/create")) {
      if (left-- > 0) return { status: 500, text: refusal };
      return { status: 200, text: '{"ID":"session"}' };
    }
    if (path.startsWith("/session/info")) return { status: 200, text: '[{"Node":"node"}]' };
    return { status: 200, text: path.startsWith("/session/node") ? "[]" : "" };
  };
  const send = async (_method: string, path: string, { body }: { body?: string }) => {
    asked.push({ path, body: body === undefined ? undefined : (JSON.parse(body) as unknown) });
    const { status, text } = answers(path);
    return { status, body: Buffer.from(text), index: 0 };
  };
  const clock = createVirtualClock();
  const sessions = sessionsOf({ send } as unknown as Store, { pulse: { id: "id", http: "http://127.0.0.1:1/" }, clock, lockDelayMs: 0 });
  return Object.assign(world, { clock, sessions });
}

test("Each session hangs on a check of its own, which takes the place of the one before: that one may be critical in the catalog yet", async () => {
  const { asked, sessions } = consulWith(0);
  const { signal } = new AbortController();
  await sessions.open(signal);
  await sessions.open(signal);
  const checks = asked.flatMap(({ path, body }) =>
    path === "/agent/service/register?replace-existing-checks=true" ? [(body as { Check: { CheckID: string } }).Check.CheckID] : [],
  );
  const hangOn = asked.flatMap(({ path, body }) =>
    path === "/session/create" ? (body as { ServiceChecks: { ID: string }[] }).ServiceChecks.map(({ ID }) => ID) : [],
  );
  assert.deepEqual(checks, hangOn);
  assert.equal(new Set(checks).size, 2);
});

test("A check that is not known yet is waited for, ever longer between two looks", async () => {
  const { asked, clock, sessions } = consulWith(6);
  const opened = sessions.open(new AbortController().signal);
  await clock.settle();
  const looks = (): number => asked.filter(({ path }) => path === "/session/create").length;
  assert.equal(looks(), 1);
  await clock.advance(20);
  assert.equal(looks(), 2);
  await clock.advance(40 + 80 + 160);
  assert.equal(looks(), 5);
  await clock.advance(200 + 200);
  assert.equal(await opened, "session");
});

test("Closing takes the service out also where no session came about, or they cannot be told; and asks nothing where it was never put in", async () => {
  const deregistered = (asked: readonly Asked[]): number =>
    asked.filter(({ path }) => path === "/agent/service/deregister/drover-log-id").length;
  const never = consulWith(0);
  await never.sessions.close();
  assert.deepEqual(never.asked, []);

  const refused = consulWith(1, "No cluster leader");
  await assert.rejects(refused.sessions.open(new AbortController().signal), /No cluster leader/);
  await refused.sessions.close();
  assert.equal(deregistered(refused.asked), 1);

  const untold = consulWith(0);
  await untold.sessions.open(new AbortController().signal);
  untold.refuses = "/session/node";
  await assert.rejects(untold.sessions.close(), /No cluster leader/);
  assert.equal(deregistered(untold.asked), 1);
});
