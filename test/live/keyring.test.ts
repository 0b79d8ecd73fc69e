/** The keyring of a real agent, through kill -9 and a keystore that is gone. */
import assert from "node:assert/strict";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { eventually, startRealAgent, type RealAgent } from "./real-agent.ts";

interface Key {
  readonly KeyID: string;
  readonly State: string;
}
const keys = (agent: RealAgent) => agent.get<readonly Key[]>("/v1/operator/keyring/keys");
const active = (agent: RealAgent) =>
  eventually("a key is active", async () => (await keys(agent)).find(({ State }) => State === "active")?.KeyID);
const keystore = (agent: RealAgent) => join(agent.dataDirectory, "server", "keystore");
const files = (agent: RealAgent) => readdirSync(keystore(agent)).sort();
const SERVER = { "10-server.hcl": 'server {\n  enabled = true\n  bootstrap_expect = 1\n  oidc_issuer = "https://drover.example"\n}\n' };

test("a key outlives kill -9; one that cannot be opened any more is succeeded, and still published", async () => {
  const agent = await startRealAgent({ config: SERVER, ready: false });
  try {
    const first = await active(agent);
    assert.deepEqual(files(agent), [`${first}.aead.nks.json`]);
    assert.equal(statSync(join(keystore(agent), files(agent)[0] ?? "")).mode & 0o777, 0o600);
    const discovery = await agent.get<{ readonly jwks_uri: string }>("/.well-known/openid-configuration");
    assert.equal(discovery.jwks_uri, "https://drover.example/.well-known/jwks.json");

    await agent.kill();
    await agent.restart();
    assert.equal(await active(agent), first);
    assert.equal((await keys(agent)).length, 1);

    await agent.kill();
    rmSync(keystore(agent), { recursive: true });
    await agent.restart();
    const second = await eventually("another key is active", async () => {
      const found = await active(agent);
      return found === first ? undefined : found;
    });
    assert.match(agent.output(), /cannot open the active root key/);
    assert.deepEqual(files(agent), [`${second}.aead.nks.json`]);
    const jwks = await agent.get<{ readonly keys: readonly { readonly kid: string }[] }>("/.well-known/jwks.json");
    assert.deepEqual(jwks.keys.map(({ kid }) => kid).sort(), [first, second].sort());
  } finally {
    await agent.remove();
  }
});

test("killed at any moment of its first seconds, an agent has one active key after, and can open every key it knows", async () => {
  for (let round = 0; round < 3 * testScale(); round++) {
    const agent = await startRealAgent({ config: SERVER, ready: false });
    try {
      // Somewhere in the time in which the first key is made; also while another is being rotated in.
      const rotation = agent.request("/v1/operator/keyring/rotate", { method: "PUT" }).catch(() => undefined);
      if (round % 3 !== 0) await new Promise((resolve) => setTimeout(resolve, (round % 3) * 40));
      await agent.kill();
      await rotation;
      await agent.restart();
      await active(agent);
      const known = await keys(agent);
      assert.equal(known.filter(({ State }) => State === "active").length, 1);
      const stored = files(agent);
      for (const { KeyID } of known) assert.ok(stored.includes(`${KeyID}.aead.nks.json`), `${KeyID} can be opened`);
      assert.ok(!agent.output().includes("cannot open the active root key"));
      assert.ok(stored.every((name) => !name.endsWith(".writing")) || stored.length <= known.length + 1);
    } finally {
      await agent.remove();
    }
  }
});
