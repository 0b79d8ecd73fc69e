/** With access control: the token of a service, and so of its sidecar, is revoked behind the agent's back. Another comes, and nothing is left at the end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openChaos } from "./mesh-chaos-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 240_000 };

interface Token {
  readonly AccessorID: string;
  readonly AuthMethod?: string;
  readonly Description: string;
  readonly ServiceIdentities?: readonly { readonly ServiceName: string }[];
}

test("tokens of sidecars that are revoked are replaced, traffic goes on, and at the end no token is left", LIVE, async (t) => {
  const world = await openChaos(t, { acl: true });
  const { consul } = world;
  const logins = async () => (await consul.get<Token[]>("/v1/acl/tokens")).filter(({ AuthMethod }) => (AuthMethod ?? "") !== "");
  const apps = await world.apps();
  const before = await logins();
  assert.ok(before.length >= 2, JSON.stringify(before));

  for (const { AccessorID } of before) assert.equal((await consul.api(`/v1/acl/token/${AccessorID}`, { method: "DELETE" })).status, 200);
  const began = performance.now();
  await eventually("as many other tokens", async () => (await logins()).length >= before.length, 60_000).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${world.lastWords()}`);
  });
  t.diagnostic(`other tokens after ${Math.round(performance.now() - began)} ms`);
  // Proxies hear what Consul says: with tokens that were revoked they could not.
  for (const action of ["deny", "allow"] as const) {
    await world.intend("dashboard", "api", action);
    await eventually(
      `${action} to be heard`,
      async () =>
        (await world.answer().then(
          () => "allow",
          () => "deny",
        )) === action,
      90_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${world.lastWords()}`);
    });
    t.diagnostic(`${action} was heard ${Math.round(performance.now() - began)} ms after the tokens were revoked`);
  }
  await world.answers(30_000);
  await eventually("everything to be whole", async () => (await world.whole(), true), 60_000);
  assert.deepEqual(await world.apps(), apps);

  await world.purge("dashboard");
  await world.purge("api");
  await eventually("no token to be left", async () => {
    const left = await logins();
    if (left.length > 0) throw new Error(JSON.stringify(left));
    return true;
  });
});
