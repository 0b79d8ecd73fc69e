/** `drover login` from the command to the provider and back: over the API, with the browser's part played here. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createApiClient, type ApiClient } from "#api/client";
import type { AclToken } from "#model";
import { login } from "../../../../src/cli/commands/login.ts";
import { listenForCallback } from "../../../../src/cli/oidc-callback.ts";
import { DATA_FLAGS } from "../../../../src/cli/data-output.ts";
import { accessApi, type AccessApi } from "../../api/access-api.ts";
import { type Provider, SECRET, startProvider } from "../../server/access/provider.ts";
import { fakeContext } from "../fake-context.ts";

let world: AccessApi;
let provider: Provider;
let api: ApiClient;
before(async () => {
  world = await accessApi();
  provider = await startProvider(() => Math.floor(world.world.clock.nowMs() / 1000));
  const [opened] = await world.api.listen([{ host: "127.0.0.1", port: 0 }]);
  api = createApiClient({ address: `http://127.0.0.1:${(opened as { port: number }).port}` });
  const { access } = world.world;
  await access.upsertPolicy({ Name: "team-a", Rules: 'namespace "default" { policy = "read" }' });
  await access.upsertAuthMethod(
    {
      Name: "sso",
      Type: "OIDC",
      TokenLocality: "local",
      MaxTokenTTL: "1h",
      Default: true,
      TokenNameFormat: "${auth_method_name}/${value.user}",
      Config: {
        OIDCDiscoveryURL: provider.url,
        DiscoveryCaPem: [provider.ca],
        OIDCClientID: "drover",
        OIDCClientSecret: SECRET,
        OIDCEnablePKCE: true,
        // Whatever port the test gets.
        AllowedRedirectURIs: ["http://127.0.0.1/oidc/callback"],
        ClaimMappings: { sub: "user" },
        ListClaimMappings: { groups: "groups" },
      },
    },
    null,
  );
  await access.upsertBindingRule({ AuthMethod: "sso", Selector: '"readers" in list.groups', BindType: "policy", BindName: "team-a" }, null);
  provider.claims = { groups: ["readers"] };
  provider.user = { sub: "ana" };
});
after(async () => {
  await api.close();
  await world.api.close();
  await provider.close();
});

/** Runs the command; `browse` gets the address it prints, as soon as it does. */
async function logIn(browse: (url: string) => Promise<void>): Promise<{ readonly printed: string; readonly thrown: unknown }> {
  const words = ["-oidc-callback-addr", "127.0.0.1:0", "-json"];
  const { context, printed } = fakeContext({ words, flags: { ...login.flags, ...DATA_FLAGS }, api });
  let browsed: Promise<void> | undefined;
  const complain = (text: string) => {
    const url = /https:\S+/.exec(text)?.[0];
    if (url !== undefined) browsed = browse(url);
  };
  let thrown: unknown;
  await login.run({ ...context, terminal: { ...context.terminal, complain } }).catch((error: unknown) => (thrown = error));
  await browsed;
  return { printed: printed.join("\n"), thrown };
}

function backTo(url: string, query: Readonly<Record<string, string>>): string {
  return `${new URL(url).searchParams.get("redirect_uri") ?? ""}?${new URLSearchParams(query).toString()}`;
}

test("OIDC: the address is printed, the browser comes back, and what is on standard output is the token", async () => {
  const pages: string[] = [];
  const { printed, thrown } = await logIn(async (url) => {
    // Knocked at by whoever is on this machine: nothing that counts.
    for (const query of [{ code: "stolen", state: "guessed" }, { error: "no" }] as Readonly<Record<string, string>>[]) {
      const stray = await fetch(backTo(url, query));
      assert.equal(stray.status, 400);
      await stray.text();
    }
    const page = await fetch(backTo(url, provider.approve(url)));
    assert.equal(page.status, 200);
    pages.push(await page.text());
  });
  assert.equal(thrown, undefined);
  const token = JSON.parse(printed) as AclToken;
  assert.deepEqual([token.Name, token.Type, token.Policies], ["sso/ana", "client", ["team-a"]]);
  assert.equal((await world.world.access.resolve(token.SecretID)).Subject, token.AccessorID);
  assert.ok(!pages.join("").includes(token.SecretID), "the page says nothing of it");
});

test("OIDC: a provider that says no is quoted, without what a terminal would obey", async () => {
  const { printed, thrown } = await logIn(async (url) => {
    const state = new URL(url).searchParams.get("state") ?? "";
    const page = await fetch(backTo(url, { state, error: "access_denied", error_description: "not \u001b[31mtoday" }));
    assert.ok(!(await page.text()).includes("today"));
  });
  assert.equal(printed, "");
  assert.equal((thrown as { code: string }).code, "LOGIN_REFUSED");
  assert.equal((thrown as Error).message, "The provider refused the login: access_denied: not  [31mtoday");
});

test("Where the browser should come back is a place one can listen on", async () => {
  const taken = await listenForCallback("127.0.0.1:0");
  const port = new URL(taken.redirectUri).port;
  for (const address of [`127.0.0.1:${port}`, "localhost", "127.0.0.1:99999", ":4649"]) {
    await assert.rejects(listenForCallback(address), { code: "LOGIN_LISTEN_FAILED" }, address);
  }
  const interrupted = new AbortController();
  const waiting = taken.answer("state", interrupted.signal);
  interrupted.abort(new Error("Ctrl-C"));
  await assert.rejects(waiting, /Ctrl-C/);
  await taken.close();
});
