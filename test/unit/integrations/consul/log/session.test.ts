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
function consulWith(refusals: number) {
  const asked: Asked[] = [];
  let left = refusals;
  const answers = (path: string): { status: number; text: string } => {
    if (path.startsWith("/session/create")) {
      if (left-- > 0) return { status: 500, text: "Check 'x' is in critical state" };
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
  return { asked, clock, sessions };
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
